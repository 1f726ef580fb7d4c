-- name: combined-query
-- The combined query: what an organisation received and sent in a window, in one snapshot.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz.
-- Returns one row of bigint:
--   received_volume  live events created in the window
--   received_bytes   octets of their payloads
--   sent_volume      successful deliveries created in the window
--   sent_bytes       octets of the payloads of the events that they delivered, whenever those were created
--   unmeasured       rows among them whose size is neither stored nor measurable; more than 0 means there is no figure
--   lost_sizes       rows among them that count without octets, since their event was deleted or emptied and no size is stored
--   missing          deliveries whose event wasn't found where it was looked for; more than 0 means there is no figure
--   listed           whether all projects that count were allowed, boolean; if not, there is no figure
--
-- Each table's window is read once. Most deliveries are of events of the same window, whose sizes are at hand by then; only
-- the others' events are fetched, by id. Sums that exceed bigint are an error. Where tables are partitioned, PostgreSQL would plan and lock
-- all partitions for that: so these events are looked up near the window first, and anywhere only if some aren't there; and where the key
-- has the project, projects are listed as well.
with project as materialized (
    {counted-projects}
),

window_event as materialized (
    {window-event}
),

delivery as materialized (
    select
        d.{delivery.event_id} as event_id,
        w.id is not null as in_window,
        {delivery.size} as size,
        case when w.emptied then greatest(w.octets, {delivery.size}) else coalesce(w.octets, {delivery.size}) end as octets,
        w.lost and {delivery.size} is null as lost
    from project
    join {deliveries} d on d.{delivery.project_id} = project.id
    left join window_event w on w.id = d.{delivery.event_id}
    where {delivery-counts}
),

received as (
    select
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from window_event
    where live
),

sent_in_window as (
    select
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from delivery
    where in_window
),

sent_elsewhere as (
    {sent-elsewhere}
)

select
    received.volume as received_volume,
    coalesce(received.bytes, 0)::bigint as received_bytes,
    sent_in_window.volume + sent_elsewhere.volume as sent_volume,
    (coalesce(sent_in_window.bytes, 0) + coalesce(sent_elsewhere.bytes, 0))::bigint as sent_bytes,
    received.unmeasured + sent_in_window.unmeasured + sent_elsewhere.unmeasured as unmeasured,
    received.lost_sizes + sent_in_window.lost_sizes + sent_elsewhere.lost_sizes as lost_sizes,
    sent_elsewhere.missing,
    {projects-are-listed} as listed
from received, sent_in_window, sent_elsewhere

-- name: combined-figures
-- The combined query for many requests, each of an organisation and a window, in one snapshot.
--
-- Parameters: :organisation_ids, different ones, an array that takes the type of their column; for each request :organisations, the
-- place of its organisation in that array, bigint[], and :lowers and :uppers, its window [lower, upper), timestamptz[]; :start and
-- :end, a window around all of them, timestamptz, by which the number of rows is estimated and partitions are left out; :near_from and
-- :near_to, between which events outside the windows are looked up, if {near-windows} has them.
-- Returns one row of bigint for each request, in their order:
--   n  its number, from 1
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes  as the combined query
--   missing  deliveries whose event wasn't found where it was looked for; where that isn't everywhere and this isn't 0, there is no figure
with organisation as materialized (
    {requested-organisations}
),

request as materialized (
    select r.n, r.organisation, r.lower, r.upper
    from unnest(:organisations::bigint[], :lowers::timestamptz[], :uppers::timestamptz[])
        with ordinality as r (organisation, lower, upper, n)
),

project as materialized (
    select request.n, p.{project.id} as id, request.lower, request.upper
    from request
    join organisation on organisation.n = request.organisation
    join {projects} p on p.{project.organisation_id} = organisation.id
    where {project.counts}
),

window_event as materialized (
    {window-events}
),

delivery as materialized (
    select
        project.n,
        d.{delivery.event_id} as event_id,
        w.id is not null as in_window,
        {delivery.size} as size,
        case when w.emptied then greatest(w.octets, {delivery.size}) else coalesce(w.octets, {delivery.size}) end as octets,
        w.lost and {delivery.size} is null as lost
    from project
    join {deliveries} d on d.{delivery.project_id} = project.id
    left join window_event w on w.n = project.n and w.id = d.{delivery.event_id}
    where d.{delivery.created_at} >= project.lower
        and d.{delivery.created_at} < project.upper
        and {delivery-counts}
),

received as (
    select
        n,
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from window_event
    where live
    group by n
),

sent_in_window as (
    select
        n,
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from delivery
    where in_window
    group by n
),

-- An event that was deleted for good has no size any more; its delivery counts all the same, with the size that it holds itself.
sent_elsewhere as (
    select
        delivery.n,
        count(*) as volume,
        sum({delivery.octets_by_id}) as bytes,
        count(*) filter (where e.{event.id} is not null and {delivery.octets_by_id} is null) as unmeasured,
        count(*) filter (where {delivery.lost_by_id}) as lost_sizes,
        count(*) filter (where e.{event.id} is null and delivery.event_id is not null) as missing
    from delivery
    left join {events} e on e.{event.id} = delivery.event_id {near-windows}
    where not in_window
    group by delivery.n
)

select
    request.n,
    coalesce(received.volume, 0) as received_volume,
    coalesce(received.bytes, 0)::bigint as received_bytes,
    coalesce(sent_in_window.volume, 0) + coalesce(sent_elsewhere.volume, 0) as sent_volume,
    (coalesce(sent_in_window.bytes, 0) + coalesce(sent_elsewhere.bytes, 0))::bigint as sent_bytes,
    coalesce(received.unmeasured, 0) + coalesce(sent_in_window.unmeasured, 0) + coalesce(sent_elsewhere.unmeasured, 0)
        as unmeasured,
    coalesce(received.lost_sizes, 0) + coalesce(sent_in_window.lost_sizes, 0) + coalesce(sent_elsewhere.lost_sizes, 0)
        as lost_sizes,
    coalesce(sent_elsewhere.missing, 0) as missing
from request
left join received on received.n = request.n
left join sent_in_window on sent_in_window.n = request.n
left join sent_elsewhere on sent_elsewhere.n = request.n
order by request.n

-- fragment: counted-projects
-- The projects of an organisation that count, in the column id.
--
-- Parameters: :organisation_id.
    select p.{project.id} as id
    from {projects} p
    where p.{project.organisation_id} = :organisation_id and {project.counts}

-- fragment: event-in-window
-- Condition: an event e was created in the window. It counts as received unless it is deleted.
--
-- Parameters: :start and :end, the window [start, end).
e.{event.created_at} >= :start::timestamptz{event.at_utc} and e.{event.created_at} < :end::timestamptz{event.at_utc}

-- fragment: delivery-counts
-- Condition: a delivery d was created in the window, and was successful. It counts as sent.
--
-- Parameters: :start and :end, the window [start, end).
d.{delivery.created_at} >= :start::timestamptz{delivery.at_utc}
        and d.{delivery.created_at} < :end::timestamptz{delivery.at_utc}
        and d.{delivery.status} in ({delivered_statuses})

-- fragment: requested-organisations
-- The requested organisations, in columns id, of the type of their column, and n, their place from 1. The empty array gives the
-- parameter that type.
--
-- Parameters: :organisation_ids.
    select o.id, o.n
    from unnest(
        array_cat(:organisation_ids, (select array_agg(p.{project.organisation_id}) from {projects} p where false))
    ) with ordinality as o (id, n)

-- fragment: window-events
-- The windows' events, in columns n, the request's number, and those of window-event.
--
-- Parameters: :start and :end, a window around all of them.
    select project.n, e.{event.id} as id, {event.octets} as octets, {event.counts} as live, {event.emptied} as emptied, {event.lost} as lost
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= project.lower and e.{event.created_at} < project.upper
        and {event-in-window}

-- fragment: window-events-partly-stored
-- The same where sizes are stored in some rows: those are read from the index alone, the others are measured in the table.
--
-- Parameters: :start and :end, a window around all of them.
    select project.n, e.{event.id} as id, {event.stored_octets} as octets, {event.counts} as live, false as emptied, false as lost
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= project.lower and e.{event.created_at} < project.upper
        and {event-in-window}
        and {event.is_stored}
    union all
    select project.n, e.{event.id}, {event.octets}, {event.counts}, {event.emptied}, {event.lost}
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= project.lower and e.{event.created_at} < project.upper
        and {event-in-window}
        and {event.is_unstored}

-- fragment: window-event
-- The window's events, in columns id; octets; live, whether the event isn't deleted; emptied, whether a payload column without a stored size
-- is empty, if deliveries hold sizes, too; lost, whether there are no octets and no stored size, though some rows have one.
--
-- Parameters: :start and :end, the window [start, end).
    select e.{event.id} as id, {event.octets} as octets, {event.counts} as live, {event.emptied} as emptied, {event.lost} as lost
    from project
    join {events} e on e.{event.project_id} = project.id
    where {event-in-window}

-- fragment: window-event-partly-stored
-- The same where sizes are stored in some rows: those are read from the index alone, the others are measured in the table.
--
-- Parameters: :start and :end, the window [start, end).
    select e.{event.id} as id, {event.stored_octets} as octets, {event.counts} as live, false as emptied, false as lost
    from project
    join {events} e on e.{event.project_id} = project.id
    where {event-in-window} and {event.is_stored}
    union all
    select e.{event.id}, {event.octets}, {event.counts}, {event.emptied}, {event.lost}
    from project
    join {events} e on e.{event.project_id} = project.id
    where {event-in-window} and {event.is_unstored}

-- fragment: sent-elsewhere
-- What was sent of events outside the window. An event that was deleted for good has no size any more; its delivery counts all the same, with
-- the size that it holds itself.
select
    count(*) as volume,
    sum({delivery.octets_by_id}) as bytes,
    count(*) filter (where e.{event.id} is not null and {delivery.octets_by_id} is null) as unmeasured,
    count(*) filter (where {delivery.lost_by_id}) as lost_sizes,
    0::bigint as missing
from delivery
left join {events} e on e.{event.id} = delivery.event_id
where not in_window

-- fragment: sent-elsewhere-near
-- The same of events near the window. missing: how many deliveries have no event there.
select
    count(*) as volume,
    sum({delivery.octets_by_id}) as bytes,
    count(*) filter (where e.{event.id} is not null and {delivery.octets_by_id} is null) as unmeasured,
    count(*) filter (where {delivery.lost_by_id}) as lost_sizes,
    count(*) filter (where e.{event.id} is null and delivery.event_id is not null) as missing
from delivery
left join {events} e on e.{event.id} = delivery.event_id {near}
where not in_window

-- fragment: sent-elsewhere-anywhere
-- The same of events near the window, and of those anywhere that aren't there.
select
    near.volume + far.volume as volume,
    coalesce(near.bytes, 0) + coalesce(far.bytes, 0) as bytes,
    near.unmeasured + far.unmeasured as unmeasured,
    near.lost_sizes + far.lost_sizes as lost_sizes,
    0::bigint as missing
from (
    select
        count(*) as volume,
        sum({delivery.octets_by_id}) as bytes,
        count(*) filter (where {delivery.octets_by_id} is null) as unmeasured,
        count(*) filter (where {delivery.lost_by_id}) as lost_sizes
    from delivery
    join {events} e on e.{event.id} = delivery.event_id {near}
    where not in_window
) as near
cross join (
    select
        count(*) as volume,
        sum({delivery.octets_by_id}) as bytes,
        count(*) filter (where e.{event.id} is not null and {delivery.octets_by_id} is null) as unmeasured,
        count(*) filter (where {delivery.lost_by_id}) as lost_sizes
    from (
        select delivery.event_id, delivery.size
        from delivery
        left join {events} e on e.{event.id} = delivery.event_id {near}
        where not delivery.in_window and e.{event.id} is null
    ) as delivery
    left join {events} e on e.{event.id} = delivery.event_id
) as far

-- fragment: event-is-near
-- Condition of events in a table that is partitioned by time: they were created in the window, or not long before it.
--
-- Parameters: :near_from, :near_to.
and e.{event.created_at} >= :near_from::timestamptz{event.at_utc}
        and e.{event.created_at} < :near_to::timestamptz{event.at_utc}

-- fragment: event-is-of-projects
-- Condition of events in a table that is partitioned by project.
--
-- Parameters: :project_ids.
and e.{event.project_id} = any (:project_ids)

-- fragment: event-in-window-of-projects
-- Condition: the same as event-in-window, in a table that is partitioned by project.
--
-- Parameters: :start, :end, :project_ids.
e.{event.created_at} >= :start::timestamptz{event.at_utc}
        and e.{event.created_at} < :end::timestamptz{event.at_utc}
        and e.{event.project_id} = any (:project_ids)

-- fragment: delivery-counts-of-projects
-- Condition: the same as delivery-counts, in a table that is partitioned by project.
--
-- Parameters: :start, :end, :project_ids.
d.{delivery.created_at} >= :start::timestamptz{delivery.at_utc}
        and d.{delivery.created_at} < :end::timestamptz{delivery.at_utc}
        and d.{delivery.project_id} = any (:project_ids)
        and d.{delivery.status} in ({delivered_statuses})

-- fragment: projects-are-listed
-- Condition: all projects that count were allowed.
true

-- fragment: projects-are-in-list
-- Condition: all projects that count are in a list.
--
-- Parameters: :project_ids.
not exists (select from project where not project.id = any (:project_ids))

-- name: listed-projects
-- The projects of an organisation that count, so that a statement may be given them.
--
-- Parameters: :organisation_id.
-- Returns one row: project_ids, an array as text; null if there are none, or too many to be worth a list.
select case when count(*) <= 50 then array_agg(p.id)::text end as project_ids
from ({counted-projects}) as p
