-- Deliveries d of a project: the conditions of a filter, pages in the order of (created_at, id), and what is read and changed by filters.

-- fragment: filter-event-id
-- Deliveries of an event.
--
-- Parameters: :event_id.
    and d.event_id = :event_id

-- fragment: filter-endpoint-id
-- Deliveries to an endpoint.
--
-- Parameters: :endpoint_id; the empty text: deliveries to no endpoint in particular.
    and d.endpoint_id = :endpoint_id

-- fragment: filter-statuses
-- Deliveries in one of these statuses.
--
-- Parameters: :statuses, text[].
    and d.status = any (:statuses::text[])

-- fragment: delivery-columns
-- The columns of a delivery d.
    d.id,
    d.project_id,
    d.event_id,
    d.endpoint_id,
    d.status,
    d.created_at

-- name: find-deliveries
-- Deliveries of a project by id.
--
-- Parameters: :project_id; :ids, text[].
-- Returns the columns of a delivery, in no particular order.
select
    {delivery-columns}
from {deliveries} d
where d.id = any (:ids::text[]) and d.project_id = :project_id

-- name: find-delivery-statuses
-- The statuses of a project's deliveries, or of those to an endpoint. Each one is found by the one before it in the index, so that the
-- deliveries aren't read.
--
-- Parameters: :project_id; those of the filter.
-- Returns: status.
with recursive known as (
    (
        select d.status
        from {deliveries} d
        where d.project_id = :project_id
            {delivery-filter}
        order by d.status
        limit 1
    )
    union all
    select (
        select d.status
        from {deliveries} d
        where d.project_id = :project_id
            {delivery-filter}
            and d.status > known.status
        order by d.status
        limit 1
    )
    from known
    where known.status is not null
)

select known.status
from known
where known.status is not null

-- name: page-deliveries
-- Deliveries of a project in one of many statuses that meet a filter, after the cursor. Each status gives its first rows in order from an
-- index, and the first of all are taken from these.
--
-- Parameters: :project_id; :statuses, text[], each once; :limit, how many rows at most; those of the filter and of the keyset condition.
-- Returns in scan direction: the columns of a delivery.
select
    {delivery-columns}
from unnest(:statuses::text[]) as s (status)
cross join lateral (
    select *
    from {deliveries} d
    where d.project_id = :project_id
        and d.status = s.status
        {delivery-filter}
        {keyset-condition}
    order by d.created_at {direction}, d.id collate "C" {direction}
    limit :limit
) d
order by d.created_at {direction}, d.id collate "C" {direction}
limit :limit

-- name: page-deliveries-of-event
-- Deliveries of an event that meet a filter, after the cursor. All deliveries of the event are read, by its id, before the other conditions
-- are looked at: none of these finds fewer.
--
-- Parameters: :project_id; :event_id, the filter's; :limit, how many rows at most; those of the filter and of the keyset condition.
-- Returns in scan direction: the columns of a delivery.
select
    {delivery-columns}
from (
    select *
    from {deliveries} d
    where d.event_id = :event_id
    offset 0
) d
where d.project_id = :project_id
    {delivery-filter}
    {keyset-condition}
order by d.created_at {direction}, d.id collate "C" {direction}
limit :limit
