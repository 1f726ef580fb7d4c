-- Whether there is a live event with an idempotency key that isn't a duplicate.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns one row: answer.
select
    exists (
        select
        from {events} e
        where e.project_id = :project_id
            and e.idempotency_key = :idempotency_key
            and e.idempotency_key <> ''
            and not e.is_duplicate
            and e.deleted_at is null
    ) as answer
