-- Records events. One whose idempotency key a live event of its project has, or an earlier one of these, is a duplicate. Keys
-- have been locked by a statement before, so that this one's snapshot has all that was recorded with them.
--
-- Parameters: arrays of equal length, :ids, :project_ids, :event_types, :raws, :source_ids, :idempotency_keys, :statuses and
-- :headers (jsonb as text) of text, :datas of bytea, :created_ats of timestamptz; :unbilled, whether duplicates are recorded as
-- deleted when they were received.
-- Returns a row for each event, in no particular order: id, is_duplicate, payload_bytes in octets, created_at, deleted_at or
-- null.
with given as (
    select
        g.*,
        row_number() over (partition by g.project_id, g.idempotency_key order by g.position) > 1 as repeats_earlier
    from
        unnest(
            :ids::text[],
            :project_ids::text[],
            :event_types::text[],
            :raws::text[],
            :datas::bytea[],
            :source_ids::text[],
            :idempotency_keys::text[],
            :statuses::text[],
            :headers::text[],
            :created_ats::timestamptz[]
        )
        with ordinality as g (
            id,
            project_id,
            event_type,
            raw,
            data,
            source_id,
            idempotency_key,
            status,
            headers,
            created_at,
            position
        )
),

judged as (
    select
        given.*,
        given.idempotency_key <> ''
        and (
            given.repeats_earlier
            or exists (
                select
                from {events} e
                where e.project_id = given.project_id
                    and e.idempotency_key = given.idempotency_key
                    and e.idempotency_key <> ''
                    and not e.is_duplicate
                    and e.deleted_at is null
            )
        ) as is_duplicate
    from given
)

insert into {events} (
    id,
    project_id,
    event_type,
    raw,
    data,
    source_id,
    idempotency_key,
    is_duplicate,
    status,
    headers,
    created_at,
    deleted_at
)
select
    id,
    project_id,
    event_type,
    raw,
    data,
    source_id,
    idempotency_key,
    is_duplicate,
    status,
    headers::jsonb,
    created_at,
    case when is_duplicate and :unbilled::boolean then created_at end
from judged
order by position
returning id, is_duplicate, payload_bytes, created_at, deleted_at
