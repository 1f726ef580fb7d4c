-- Deletion of events, in batches.

-- fragment: batch-result
-- What a statement returns that has selected events as batch (id, created_at) and changed rows of them as changed: a row, none if there are no
-- events left: changed, how many; last_created_at and last_id, the place of the last event of the batch.
select
    (select count(*) from changed) as changed,
    b.created_at as last_created_at,
    b.id as last_id
from batch b
order by b.created_at desc, b.id collate "C" desc
limit 1

-- name: soft-delete-events
-- Soft-deletes a batch of a project's live events. The batch is an array, so that its ids are looked up by the primary key: a join
-- with them took 43 s for 6,001 events where the statistics were those of an empty table, instead of 0.4 s. What is "is true" is so for the reason of
-- is-of-project: an index of live events has all of a time as well.
--
-- Parameters: :project_id; :now, when they are deleted; :limit, how many at most; those of the filter and of the keyset condition.
-- Returns a row, none if there are no events left: changed, how many were deleted, fewer than the batch has where another transaction
-- deleted some meanwhile; last_created_at and last_id, the place of the last event of the batch.
with batch as materialized (
    select e.id, e.created_at
    from {events} e
    where e.project_id = :project_id
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

changed as (
    update {events}
    set deleted_at = :now, updated_at = :now
    where id = any (array(select b.id from batch b))
        and created_at between (select min(b.created_at) from batch b) and (select max(b.created_at) from batch b)
        and (deleted_at is null and project_id = :project_id) is true
    returning id
)

{batch-result}

-- name: lock-undelivered-events
-- Locks a batch of a project's events that no delivery refers to, and their entered ids, against deliveries that are being recorded. While the statement
-- waits for one of these, its snapshot ages: delete-undelivered-events checks again whether there is a delivery.
--
-- Parameters: :project_id; :limit, how many at most; those of the filter and of the keyset condition.
-- Returns, in the order of (created_at, id): id, created_at.
with locked as materialized (
    select e.id, e.created_at
    from {events} e
    where e.project_id = :project_id
        and not exists (select from {deliveries} d where d.event_id = e.id)
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
    for update of e
)

select l.id, l.created_at
from locked l
cross join (select {lock_ids}(array(select id from locked)) as entries) k
where k.entries is not null
order by l.created_at {direction}, l.id collate "C" {direction}

-- name: delete-undelivered-events
-- Deletes events that are locked, unless a delivery refers to them by now.
--
-- Parameters: :project_id; :ids, text[]; :first and :last, the times of the first and the last one.
-- Returns one row: events, how many have been deleted.
with deleted as (
    delete from {events} e
    where e.id = any (:ids::text[])
        and e.created_at between :first and :last
        and {is-of-project}
        and not exists (select from {deliveries} d where d.event_id = e.id)
    returning e.id
)

select count(*) as events
from deleted
