-- Pages of events and deliveries, and how many events meet a filter. Pages come in the order of (created_at, id), ids by code
-- points, in scan direction: {direction} is asc or desc.

-- name: page-events
-- Events of a project that meet a filter, after the cursor.
--
-- Parameters: :project_id; :limit, how many rows at most; those of the filter and of the keyset condition.
-- Returns the columns of an event.
select
    {event-columns}
from {events} e
where e.project_id = :project_id
    {filter}
    {keyset-condition}
order by e.created_at {direction}, e.id collate "C" {direction}
limit :limit

-- name: page-received
-- The events that an organisation's figure counts as received, after the cursor. Each project gives its first rows in order, and
-- the first of all are taken from these: no page reads the whole window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; those of the keyset
-- condition.
-- Returns the columns of an event.
with project as materialized (
    select p.id
    from {projects} p
    where p.organisation_id = :organisation_id and {project.counts}
)

select
    {event-columns}
from project
cross join lateral (
    select *
    from {events}
    where project_id = project.id
        and deleted_at is null
        and created_at >= :start
        and created_at < :end
        {keyset-condition}
    order by created_at {direction}, id collate "C" {direction}
    limit :limit
) e
order by e.created_at {direction}, e.id collate "C" {direction}
limit :limit

-- name: page-sent
-- The deliveries that an organisation's figure counts as sent, after the cursor. Each project gives its first rows in order, and
-- the first of all are taken from these: no page reads the whole window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; those of the keyset
-- condition.
-- Returns: id, project_id, event_id, endpoint_id, status, created_at; bytes, the octets of the event's payload, 0 if the event was
-- deleted for good.
with project as materialized (
    select p.id
    from {projects} p
    where p.organisation_id = :organisation_id and {project.counts}
)

select
    d.id,
    d.project_id,
    d.event_id,
    d.endpoint_id,
    d.status,
    d.created_at,
    coalesce(e.payload_bytes, 0) as bytes
from project
cross join lateral (
    select *
    from {deliveries}
    where project_id = project.id
        and status = 'Success'
        and created_at >= :start
        and created_at < :end
        {keyset-condition}
    order by created_at {direction}, id collate "C" {direction}
    limit :limit
) d
left join {events} e on e.id = d.event_id
order by d.created_at {direction}, d.id collate "C" {direction}
limit :limit

-- name: count-events
-- How many events of a project meet a filter.
--
-- Parameters: :project_id; those of the filter.
-- Returns one row: events.
select count(*) as events
from {events} e
where e.project_id = :project_id
    {filter}
