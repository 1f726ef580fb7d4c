-- Pages of events and deliveries, and how many events meet a filter. Pages come in the order of (created_at, id), ids by code
-- points, in scan direction: {direction} is asc or desc.

-- fragment: as-many-octets
-- The rows of sized, in scan direction, up to the one whose octets reach :octets together with those of the rows before it. Values that are stored out of
-- line stay there until a row is returned: those of rows that are left out aren't fetched.
--
-- Parameters: :octets.
select s.*
from (
    select
        s.*,
        sum(s.row_octets) over (
            order by s.created_at {direction}, s.id collate "C" {direction}
            rows between unbounded preceding and 1 preceding
        ) as octets_before
    from sized s
) s
where coalesce(s.octets_before, 0) < :octets::bigint

-- fragment: scanned-events
-- The events of scanned, in scan direction, until their octets end the page.
--
-- Parameters: :octets.
-- Returns the columns of an event.
sized as (
    select e.*, {event-octets} as row_octets
    from scanned e
)

select
    {event-columns}
from (
    {as-many-octets}
) e
order by e.created_at {direction}, e.id collate "C" {direction}

-- fragment: counted-projects
-- The projects that an organisation's figure counts.
--
-- Parameters: :organisation_id.
project as materialized (
    select p.id
    from {projects} p
    where p.organisation_id = :organisation_id and {project.counts}
),

-- name: page-events
-- Events of a project that meet a filter, after the cursor.
--
-- Parameters: :project_id; :limit, how many rows at most; :octets, how many octets end the page; those of the filter and of the keyset condition.
-- Returns the columns of an event.
with scanned as (
    select e.*
    from {events} e
    where e.project_id = :project_id
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

{scanned-events}

-- name: export-events
-- Events of a project that meet a filter, after the cursor. The payload of an event that has more than :octets by itself is left out: it is
-- read with read-raw and read-data.
--
-- Parameters: :project_id; :limit, how many rows at most; :octets, how many octets end what is returned; those of the filter and of the keyset
-- condition.
-- Returns the columns of an event.
with scanned as (
    select
        e.id,
        e.project_id,
        e.event_type,
        case when e.payload_bytes > :octets::bigint then '' else e.raw end as raw,
        case when e.payload_bytes > :octets::bigint then '' else e.data end as data,
        e.payload_bytes,
        e.source_id,
        e.idempotency_key,
        e.is_duplicate,
        e.status,
        e.headers,
        e.created_at,
        e.deleted_at,
        e.acknowledged_at,
        e.updated_at,
        e.url_path,
        e.url_query_params,
        e.metadata
    from {events} e
    where e.project_id = :project_id
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

{scanned-events}

-- name: read-raw
-- A part of the text of an event's payload.
--
-- Parameters: :id, :project_id, :created_at; :start, where it starts, in characters, from 1 on; :length, how many characters.
-- Returns one row, none if the event is deleted for good: part, empty after the end.
select substring(e.raw from :start::bigint::integer for :length::bigint::integer) as part
from {events} e
where e.id = :id and e.created_at = :created_at and {is-of-project}

-- name: read-data
-- A part of the bytes of an event's payload.
--
-- Parameters: :id, :project_id, :created_at; :start, where it starts, in octets, from 1 on; :length, how many octets.
-- Returns one row, none if the event is deleted for good: part, empty after the end.
select substring(e.data from :start::bigint::integer for :length::bigint::integer) as part
from {events} e
where e.id = :id and e.created_at = :created_at and {is-of-project}

-- name: page-received
-- The events that an organisation's figure counts as received, after the cursor. Each project gives its first rows in order, and
-- the first of all are taken from these: no page reads the whole window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; :octets, how many octets end the page;
-- those of the keyset condition.
-- Returns the columns of an event.
with {counted-projects}

scanned as (
    select e.*
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
),

{scanned-events}

-- name: page-sent
-- The deliveries that an organisation's figure counts as sent, after the cursor. Each project gives its first rows in order, and
-- the first of all are taken from these: no page reads the whole window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; :octets, how many octets end the page;
-- those of the keyset condition.
-- Returns the columns of a delivery; bytes, the octets of the event's payload, 0 if the event was deleted for good.
with {counted-projects}

scanned as (
    select d.*
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
    order by d.created_at {direction}, d.id collate "C" {direction}
    limit :limit
),

sized as (
    select d.*, {delivery-octets} as row_octets
    from scanned d
)

select
    {delivery-columns},
    coalesce(e.payload_bytes, 0) as bytes
from (
    {as-many-octets}
) d
left join {events} e on e.id = d.event_id
order by d.created_at {direction}, d.id collate "C" {direction}

-- name: count-events
-- How many events of a project meet a filter.
--
-- Parameters: :project_id; those of the filter.
-- Returns one row: events.
select count(*) as events
from {events} e
where e.project_id = :project_id
    {filter}
