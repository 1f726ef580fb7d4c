-- Marks the hours of at most :orphans orphans with an id above :after whose event has come after all.
-- Returns the last id that it looked at, or 0 after the last of them.
with looked_at as materialized (
    select id, project_id, bucket, event_id
    from {rollups}.orphan
    where id > :after
    order by id
    limit :orphans
),

marked as (
    insert into {rollups}.mark (project_id, bucket)
    select distinct o.project_id, o.bucket
    from looked_at o
    join {events} e on e.{event.id} = o.event_id
)

select case when count(*) < :orphans::bigint then 0 else max(id) end as last
from looked_at
