-- A piece: what a project received in a stretch of time, from raw rows; which, say the columns of what is called live.
select
    count(*) as volume,
    coalesce(sum({event.octets}), 0) as bytes,
    count(*) filter (where {event.octets} is null) as unmeasured
from {events} e
where e.{event.project_id} = live.project_id
    and e.{event.created_at} >= live.lower
    and e.{event.created_at} < live.upper
    and {event.live}
