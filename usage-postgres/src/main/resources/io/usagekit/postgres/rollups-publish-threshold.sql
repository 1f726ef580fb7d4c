-- From now on changes of rows older than :mark_before are marked. The threshold never falls. Others see it at once, before
-- this transaction ends. Returns it in seconds since 1970.
select setval(
    {mark_before}::regclass,
    greatest(
        coalesce(pg_sequence_last_value({mark_before}::regclass), -62135596800),
        extract(epoch from :mark_before::timestamptz)::bigint
    ),
    true
) as seconds
