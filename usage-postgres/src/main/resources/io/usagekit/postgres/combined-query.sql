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
--
-- Each table's window is read once. Most deliveries are of events of the same window, whose sizes are at hand by then; only
-- the others' events are fetched, by id. Sums that exceed bigint are an error.
with project as materialized (
    select p.{project.id} as id
    from {projects} p
    where p.{project.organisation_id} = :organisation_id and {project.counts}
),

window_event as materialized (
    {window-event}
),

delivery as materialized (
    select d.{delivery.event_id} as event_id, w.id is not null as in_window, w.octets
    from project
    join {deliveries} d on d.{delivery.project_id} = project.id
    left join window_event w on w.id = d.{delivery.event_id}
    where d.{delivery.created_at} >= :start
        and d.{delivery.created_at} < :end
        and d.{delivery.status} in ({delivered_statuses})
),

received as (
    select count(*) as volume, sum(octets) as bytes, count(*) filter (where octets is null) as unmeasured
    from window_event
    where live
),

sent_in_window as (
    select count(*) as volume, sum(octets) as bytes, count(*) filter (where octets is null) as unmeasured
    from delivery
    where in_window
),

-- An event that was deleted for good has no size any more; its delivery counts all the same.
sent_elsewhere as (
    select
        count(*) as volume,
        sum({event.octets}) as bytes,
        count(*) filter (where e.{event.id} is not null and {event.octets} is null) as unmeasured
    from delivery
    left join {events} e on e.{event.id} = delivery.event_id
    where not in_window
)

select
    received.volume as received_volume,
    coalesce(received.bytes, 0)::bigint as received_bytes,
    sent_in_window.volume + sent_elsewhere.volume as sent_volume,
    (coalesce(sent_in_window.bytes, 0) + coalesce(sent_elsewhere.bytes, 0))::bigint as sent_bytes,
    received.unmeasured + sent_in_window.unmeasured + sent_elsewhere.unmeasured as unmeasured
from received, sent_in_window, sent_elsewhere

-- fragment: window-event
-- The window's events, in columns id, octets and live, whether the event isn't deleted.
--
-- Parameters: :start and :end, the window [start, end).
    select e.{event.id} as id, {event.octets} as octets, {event.live} as live
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end

-- fragment: window-event-partly-stored
-- The same where sizes are stored in some rows: those are read from the index alone, the others are measured in the table.
--
-- Parameters: :start and :end, the window [start, end).
    select e.{event.id} as id, e.{event.stored_bytes}::bigint as octets, {event.live} as live
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end and e.{event.stored_bytes} is not null
    union all
    select e.{event.id}, {event.measured}, {event.live}
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end and e.{event.stored_bytes} is null
