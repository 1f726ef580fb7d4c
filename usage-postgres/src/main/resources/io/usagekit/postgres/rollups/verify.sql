-- Statements that compare roll-ups with the raw rows.

-- name: rolled-projects
-- The projects that are rolled. Returns project_id, as text.
select project_id::text as project_id from {rollups}.project order by project_id

-- name: extent
-- The hours of a project that can be verified. Parameter: :project_id.
-- Returns: lower and upper, whole hours, [lower, upper); either is null if there are none.
select
    date_trunc('hour', least(
        (
            select min(r.bucket) from {rollups}.rollup r
            where r.project_id = :project_id and isfinite(r.bucket)
        ),
        (
            select min(e.{event.created_at}) from {events} e
            where e.{event.project_id} = :project_id and e.{event.created_at} > '-infinity'
        ),
        (
            select min(d.{delivery.created_at}) from {deliveries} d
            where d.{delivery.project_id} = :project_id
                and d.{delivery.created_at} > '-infinity'
                and d.{delivery.status} in ({delivered_statuses})
        )
    ), 'UTC') as lower,
    (select covered_before from {rollups}.state) as upper

-- name: next-hour
-- The first hour of a project from :after on, but before :before, in which there are rows or a rolled sum.
-- Parameters: :project_id; :after and :before, whole hours, timestamptz.
-- Returns: hour, null if there is none.
select
    date_trunc('hour', least(
        (
            select min(r.bucket) from {rollups}.rollup r
            where r.project_id = :project_id and r.bucket >= :after and r.bucket < :before
        ),
        (
            select min(e.{event.created_at}) from {events} e
            where e.{event.project_id} = :project_id and e.{event.created_at} >= :after and e.{event.created_at} < :before
        ),
        (
            select min(d.{delivery.created_at}) from {deliveries} d
            where d.{delivery.project_id} = :project_id
                and d.{delivery.created_at} >= :after
                and d.{delivery.created_at} < :before
                and d.{delivery.status} in ({delivered_statuses})
        )
    ), 'UTC') as hour

-- name: drifts
-- The hours of a project whose sums differ from those of the raw rows, among those in [:lower, :upper) that are rolled and have no
-- dirty mark, in one snapshot. Parameters: :project_id; :lower and :upper, whole hours, timestamptz.
-- Returns, in the order of hours: bucket, the hour; rolled_received_volume, rolled_received_bytes, rolled_sent_volume and
-- rolled_sent_bytes, by the roll-ups; raw_received_volume, raw_received_bytes, raw_sent_volume and raw_sent_bytes, by the raw rows.
with covered as materialized (
    select p.project_id, greatest(p.covered_from, :lower) as lower, least(s.covered_before, :upper) as upper
    from {rollups}.state s
    cross join {rollups}.project p
    where p.project_id = :project_id
),

marked as materialized (
    select m.bucket
    from covered c
    join {rollups}.mark m on m.project_id = c.project_id and m.bucket >= c.lower and m.bucket < c.upper
    union
    select date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from {rollups}.changed_event) as changed
    cross join lateral ({changed-deliveries}) as d
    join covered c on c.project_id = d.project_id and d.created_at >= c.lower and d.created_at < c.upper
    union
    select o.bucket
    from covered c
    join {rollups}.orphan o on o.project_id = c.project_id and o.bucket >= c.lower and o.bucket < c.upper
    join {events} e on e.{event.id} = o.event_id
),

received as (
    select
        date_trunc('hour', e.{event.created_at}, 'UTC') as bucket,
        count(*) as volume,
        coalesce(sum({event.octets}), 0) as bytes
    from covered c
    join {events} e on e.{event.project_id} = c.project_id
    where e.{event.created_at} >= c.lower and e.{event.created_at} < c.upper and {event.live}
    group by 1
),

sent as (
    select
        date_trunc('hour', d.{delivery.created_at}, 'UTC') as bucket,
        count(*) as volume,
        coalesce(sum({delivery.octets}), 0) as bytes
    from covered c
    join {deliveries} d on d.{delivery.project_id} = c.project_id
    left join {events} e on e.{event.id} = d.{delivery.event_id}
    where d.{delivery.created_at} >= c.lower
        and d.{delivery.created_at} < c.upper
        and d.{delivery.status} in ({delivered_statuses})
    group by 1
),

rolled as (
    select r.bucket, r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes
    from covered c
    join {rollups}.rollup r on r.project_id = c.project_id and r.bucket >= c.lower and r.bucket < c.upper
),

compared as (
    select
        bucket,
        coalesce(rolled.received_volume, 0) as rolled_received_volume,
        coalesce(rolled.received_bytes, 0) as rolled_received_bytes,
        coalesce(rolled.sent_volume, 0) as rolled_sent_volume,
        coalesce(rolled.sent_bytes, 0) as rolled_sent_bytes,
        coalesce(received.volume, 0) as raw_received_volume,
        coalesce(received.bytes, 0) as raw_received_bytes,
        coalesce(sent.volume, 0) as raw_sent_volume,
        coalesce(sent.bytes, 0) as raw_sent_bytes
    from received
    full join sent using (bucket)
    full join rolled using (bucket)
)

select *
from compared
where not exists (select from marked where marked.bucket = compared.bucket)
    and (rolled_received_volume, rolled_received_bytes, rolled_sent_volume, rolled_sent_bytes)
        is distinct from (raw_received_volume, raw_received_bytes, raw_sent_volume, raw_sent_bytes)
order by bucket

-- name: mark-hour
-- Marks an hour of a rolled project as dirty: from then on it is read live, and the worker re-rolls it.
-- Parameters: :project_id; :bucket, timestamptz.
insert into {rollups}.mark (project_id, bucket)
select p.project_id, :bucket
from {rollups}.project p
where p.project_id = :project_id
