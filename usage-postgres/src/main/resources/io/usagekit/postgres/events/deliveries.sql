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

-- fragment: delivery-octets
-- The octets of all texts of a delivery d. Not more than Delivery.octets() counts.
octet_length(d.id)
    + octet_length(d.project_id)
    + octet_length(d.event_id)
    + octet_length(d.endpoint_id)
    + octet_length(d.status)
    + octet_length(d.failure_reason)
    + octet_length(d.metadata)

-- fragment: delivery-columns
-- The columns of a delivery d.
    d.id,
    d.project_id,
    d.event_id,
    d.endpoint_id,
    d.status,
    d.created_at,
    d.failure_reason,
    d.metadata,
    d.updated_at

-- fragment: scanned-deliveries
-- The deliveries of scanned, in scan direction, until their octets end the page.
--
-- Parameters: :octets.
-- Returns the columns of a delivery.
sized as (
    select d.*, {delivery-octets} as row_octets
    from scanned d
)

select
    {delivery-columns}
from (
    {as-many-octets}
) d
order by d.created_at {direction}, d.id collate "C" {direction}

-- name: find-deliveries
-- Deliveries of a project by id.
--
-- Parameters: :project_id; :ids, text[].
-- Returns the columns of a delivery, in no particular order.
select
    {delivery-columns}
from {only} {deliveries} d
where d.id = any (:ids::text[])
    and (d.project_id = :project_id) {unindexed}
    {times}

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
-- Parameters: :project_id; :statuses, text[], each once; :limit, how many rows at most; :octets, how many octets end the page; those of
-- the filter and of the keyset condition.
-- Returns in scan direction: the columns of a delivery.
with scanned as (
    select d.*
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
),

{scanned-deliveries}

-- name: page-deliveries-of-event
-- Deliveries of an event that meet a filter, after the cursor. All deliveries of the event are read, by its id, before the other conditions
-- are looked at: none of these finds fewer.
--
-- Parameters: :project_id; :event_id, the filter's; :limit, how many rows at most; :octets, how many octets end the page; those of
-- the filter and of the keyset condition.
-- Returns in scan direction: the columns of a delivery.
with scanned as (
    select d.*
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
),

{scanned-deliveries}

-- name: count-deliveries
-- How many deliveries of a project meet a filter, in groups by day, endpoint and status, or some of these. Where the filter names all
-- statuses that there are, each one's window comes from an index; without them, an index on the time alone would be needed.
--
-- Parameters: :project_id; :by_day, :by_endpoint and :by_status, whether deliveries are grouped by it; those of the filter.
-- Returns a row for each group, by its properties: day, the first instant of a day of UTC in the years 1 to 9999, endpoint_id and status, each
-- null if deliveries aren't grouped by it; deliveries.
select
    g.day,
    g.endpoint_id,
    g.status,
    g.deliveries
from (
    select
        case
            when :by_day::boolean then date_trunc(
                'day',
                greatest(least(d.created_at, '9999-12-31Z'), '0001-01-01Z') at time zone 'UTC'
            ) at time zone 'UTC'
        end as day,
        case when :by_endpoint::boolean then d.endpoint_id end as endpoint_id,
        case when :by_status::boolean then d.status end as status,
        count(*) as deliveries
    from {deliveries} d
    where d.project_id = :project_id
        {delivery-filter}
    group by 1, 2, 3
) g
order by g.day, g.endpoint_id collate "C", g.status collate "C"

-- name: update-delivery-statuses
-- Sets the status of deliveries that an earlier statement found, those that still meet the filter. Removes the failure reasons if they succeeded.
--
-- Parameters: :project_id; :ids, text[]; :first and :last, the times of the first and the last one; :status; :now; those of the filter.
update {deliveries} d
set
    status = :status,
    failure_reason = case when :status = 'Success' then '' else d.failure_reason end,
    updated_at = :now
where d.id = any (:ids::text[])
    and d.created_at between :first and :last
    and {is-of-project}
    and d.status <> :status
    {delivery-filter}
