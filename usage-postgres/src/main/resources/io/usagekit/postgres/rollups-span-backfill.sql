-- The next piece of history: of those projects (at most 50) whose history is the shortest, the hours before it that hold
-- about :rows events and as many deliveries between them; whole hours, at least one.
insert into {rollups}.span (project_id, lower, upper)
with chosen as (
    select project_id, covered_from
    from {rollups}.project
    where covered_from > '-infinity'
    order by covered_from desc, project_id
    limit 50
),

share as (
    select greatest(1, :rows::bigint / greatest(1, count(*))) as rows from chosen
)

select
    c.project_id,
    coalesce(date_trunc('hour', greatest(event.created_at, delivery.created_at), 'UTC'), '-infinity'),
    c.covered_from
from chosen c
left join lateral (
    select e.{event.created_at} as created_at
    from {events} e
    where e.{event.project_id} = c.project_id and e.{event.created_at} < c.covered_from
    order by e.{event.created_at} desc
    limit 1 offset (select rows - 1 from share)
) as event on true
left join lateral (
    select d.{delivery.created_at} as created_at
    from {deliveries} d
    where d.{delivery.project_id} = c.project_id
        and d.{delivery.created_at} < c.covered_from
        and d.{delivery.status} in ({delivered_statuses})
    order by d.{delivery.created_at} desc
    limit 1 offset (select rows - 1 from share)
) as delivery on true
