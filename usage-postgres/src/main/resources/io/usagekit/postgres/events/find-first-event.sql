-- The live event with an idempotency key that isn't a duplicate.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns the columns of an event; at most one row.
select
    {event_columns}
from {events} e
where e.project_id = :project_id
    and e.idempotency_key = :idempotency_key
    and e.idempotency_key <> ''
    and not e.is_duplicate
    and e.deleted_at is null
order by e.created_at, e.id collate "C"
limit 1
