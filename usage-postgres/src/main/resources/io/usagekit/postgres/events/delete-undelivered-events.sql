-- Deletes events that are locked, with what makes them findable, unless a delivery refers to them by now.
--
-- Parameters: :ids, text[].
-- Returns one row: events, how many have been deleted.
with gone as (
    delete from {events} e
    where e.id = any (:ids::text[])
        and not exists (select from {deliveries} d where d.event_id = e.id)
    returning e.id
),

forgotten as (
    delete from {events_search}
    where event_id in (select id from gone)
)

select count(*) as events
from gone
