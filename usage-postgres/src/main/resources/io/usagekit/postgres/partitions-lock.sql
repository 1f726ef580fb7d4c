-- Takes the lock of those who change partitions, for this session, if nobody holds it. Parameter: :schema, of what is known of the
-- partitions, quoted.
select pg_try_advisory_lock(hashtextextended('usagekit partitions in ' || :schema, 0)) as answer
