-- A piece: what a project sent in a stretch of time, from raw rows; which, say the columns of what is called live. An event that
-- is gone for good has no size any more; its delivery counts all the same.
select
    count(*) as volume,
    coalesce(sum({event.octets}) filter (where e.{event.id} is not null), 0) as bytes,
    count(*) filter (where e.{event.id} is not null and {event.octets} is null) as unmeasured
from {deliveries} d
left join {events} e on e.{event.id} = d.{delivery.event_id}
where d.{delivery.project_id} = live.project_id
    and d.{delivery.created_at} >= live.lower
    and d.{delivery.created_at} < live.upper
    and d.{delivery.status} in ({delivered_statuses})
