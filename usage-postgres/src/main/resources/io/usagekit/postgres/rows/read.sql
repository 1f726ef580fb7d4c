-- The rows that a figure counts, in the order of (created_at, id), ids as text by code points, in scan direction: {direction} is asc or
-- desc. What counts, and with how many octets, is written where the combined query and the roll-ups read it: {counted-projects},
-- {event-in-window} and {delivery-counts} of combined-query.sql, and the names of mapped columns.

-- name: page-received
-- The events that a figure counts as received, after the cursor. Each project gives its first rows in order, and the first of all are
-- taken from these: no page reads the whole window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; those of the keyset
-- condition.
-- Returns the columns of a received row.
with project as materialized (
    {counted-projects}
)

select
    {received-columns}
from project
cross join lateral (
    select e.*
    from {events} e
    where e.{event.project_id} = project.id
        and {event-in-window}
        and {event.counts}
        {keyset-condition}
    order by {row-time} {direction}, {row-id} {direction}
    limit :limit
) e
order by {row-time} {direction}, {row-id} {direction}
limit :limit

-- name: all-received
-- All events that a figure counts as received.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end).
-- Returns the columns of a received row.
with project as materialized (
    {counted-projects}
)

select
    {received-columns}
from project
join {events} e on e.{event.project_id} = project.id
where {event-in-window} and {event.counts}
order by {row-time}, {row-id}

-- name: page-sent
-- The deliveries that a figure counts as sent, after the cursor, as page-received.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :limit, how many rows at most; those of the keyset
-- condition.
-- Returns the columns of a sent row.
with project as materialized (
    {counted-projects}
),

delivery as materialized (
    select d.*
    from project
    cross join lateral (
        select d.*
        from {deliveries} d
        where d.{delivery.project_id} = project.id
            and {delivery-counts}
            {keyset-condition}
        order by {row-time} {direction}, {row-id} {direction}
        limit :limit
    ) d
    order by {row-time} {direction}, {row-id} {direction}
    limit :limit
)

select
    {sent-columns}
from delivery d
left join {events} e on e.{event.id} = d.{delivery.event_id}
order by {row-time} {direction}, {row-id} {direction}

-- name: all-sent
-- All deliveries that a figure counts as sent.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end).
-- Returns the columns of a sent row.
with project as materialized (
    {counted-projects}
)

select
    {sent-columns}
from project
join {deliveries} d on d.{delivery.project_id} = project.id
left join {events} e on e.{event.id} = d.{delivery.event_id}
where {delivery-counts}
order by {row-time}, {row-id}

-- name: retained-state
-- Whether retention has kept sums of rows that it deleted, and whether this role can read them, and of which tables they are.
--
-- Parameters: :schema, that of the roll-ups, not quoted.
-- Returns one row, or none without a table for such sums: is_used, readable.
select
    coalesce(pg_relation_size(c.oid), 0) > 0 as is_used,
    has_schema_privilege(n.oid, 'USAGE')
    and has_table_privilege(c.oid, 'SELECT')
    and not exists (
        select
        from pg_catalog.pg_class s
        where s.relnamespace = n.oid and s.relname = 'state' and not has_table_privilege(s.oid, 'SELECT')
    ) as readable
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = :schema and c.relname = 'retained'

-- name: retained
-- What a figure counts of rows that retention has deleted.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end).
-- Returns one row:
--   received_volume, received_bytes, sent_volume, sent_bytes  bigint
--   received_from, received_before, sent_from, sent_before    the quarters of an hour that such rows are of, [from, before); null
--                                                             if there are none
--   cut  whether an edge of the window falls into one of these quarters, of which only the sum is known
with project as materialized (
    {counted-projects}
)

select
    coalesce(sum(r.received_volume), 0)::bigint as received_volume,
    coalesce(sum(r.received_bytes), 0)::bigint as received_bytes,
    min(r.quarter) filter (where r.received_volume > 0) as received_from,
    max(r.quarter) filter (where r.received_volume > 0) + interval '15 minutes' as received_before,
    coalesce(sum(r.sent_volume), 0)::bigint as sent_volume,
    coalesce(sum(r.sent_bytes), 0)::bigint as sent_bytes,
    min(r.quarter) filter (where r.sent_volume > 0) as sent_from,
    max(r.quarter) filter (where r.sent_volume > 0) + interval '15 minutes' as sent_before,
    coalesce(bool_or(r.cut), false) as cut
from (select id as project_id, :start::timestamptz as lower, :end::timestamptz as upper from project) as requested
cross join lateral (
    select r.*, ({retained-is-cut}) as cut
    {retained-quarters}
) as r

-- fragment: keyset-condition
-- Keyset condition: rows after the cursor in scan direction, of which {comparison} is > or <.
--
-- Parameters: :boundary_at and :boundary_id, the place of the last row before.
    and ({row-time}, {row-id}) {comparison} (:boundary_at, :boundary_id)

-- fragment: received-columns
-- The columns of an event e that was received: id; project_id; created_at; bytes, 0 if they aren't known; measured, whether they are.
    coalesce(e.{event.id}::text, '') as id,
    e.{event.project_id}::text as project_id,
    (e.{event.created_at}{event.at_utc}) as created_at,
    coalesce({event.octets}, 0) as bytes,
    ({event.octets}) is not null and not {event.lost} as measured

-- fragment: sent-columns
-- The columns of a delivery d that was sent, beside its event e: id; project_id; event_id; created_at; bytes, 0 if they aren't known;
-- measured, whether they are.
    coalesce(d.{delivery.id}::text, '') as id,
    d.{delivery.project_id}::text as project_id,
    d.{delivery.event_id}::text as event_id,
    (d.{delivery.created_at}{delivery.at_utc}) as created_at,
    coalesce({delivery.octets}, 0) as bytes,
    ({delivery.octets}) is not null and not {delivery.lost} as measured
