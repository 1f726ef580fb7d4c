-- Statements that compare roll-ups with the raw rows.

-- name: rolled-projects
-- The projects that are rolled. Returns project_id, as text.
select project_id::text as project_id from {rollups}.project order by project_id

-- name: next-slice
-- The first 31 days of a project from :rows_lower on, but before :rows_upper, in which there are rows or a rolled sum.
-- Parameters: :project_id; :rows_lower and :rows_upper, whole hours or infinite, as text.
-- Returns, as text: rows_lower and rows_upper, whole hours; near_lower and near_upper, between which the events of their deliveries are looked
-- up first; no row if there are none.
select
    lower::text as rows_lower,
    upper::text as rows_upper,
    (lower - interval '7 days')::text as near_lower,
    (upper + interval '1 day')::text as near_upper
from (
    select hour as lower, least(hour + interval '31 days', :rows_upper::timestamptz) as upper
    from (
        select date_trunc('hour', least({first-rolled-hour} {first-row}), 'UTC') as hour
    ) as first
    where hour is not null
) as slice

-- fragment: first-rolled-hour
-- The first hour of a project with a rolled sum.
--
-- Parameters: :project_id, :rows_lower and :rows_upper, as text.
(
    select min(r.bucket)
    from {rollups}.rollup r
    where r.project_id = :project_id
        and r.bucket >= :rows_lower::timestamptz
        and r.bucket < :rows_upper::timestamptz
        and isfinite(r.bucket)
)

-- fragment: first-row-of-project
-- The times of the first event and of the first delivery that counts of a project.
--
-- Parameters: :project_id, :rows_lower and :rows_upper, as text.
, (
    select min(e.{event.created_at})
    from {events} e
    where e.{event.project_id} = :project_id and e.{event.created_at} > '-infinity' {event-of-chunk}
), (
    select min(d.{delivery.created_at})
    from {deliveries} d
    where d.{delivery.project_id} = :project_id
        and d.{delivery.created_at} > '-infinity'
        and d.{delivery.status} in ({delivered_statuses}) {delivery-of-chunk}
)

-- name: drifts
-- The hours of a project whose sums differ from those of the raw rows, among those in [:rows_lower, :rows_upper) that are rolled and have no
-- dirty mark, in one snapshot. Where the events of deliveries are looked up in some partitions only ({events-near}), hours with deliveries
-- without one ({event-is-missing}) are returned as well, and hours whose events have arrived late ({hours-of-late-events-of-orphans}) aren't
-- left out: only that there is no row says that no hour differs.
-- Parameters: :project_id; :rows_lower and :rows_upper, whole hours, as text; :near_lower and :near_upper, if {events-near} has them.
-- Returns, in the order of hours: bucket, the hour; rolled_received_volume, rolled_received_bytes, rolled_sent_volume and
-- rolled_sent_bytes, by the roll-ups; raw_received_volume, raw_received_bytes, raw_sent_volume and raw_sent_bytes, by the raw rows.
with covered as materialized (
    select
        p.project_id,
        greatest(p.covered_from, :rows_lower::timestamptz) as lower,
        least(s.covered_before, :rows_upper::timestamptz) as upper
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
    {late-hours}
),

received as (
    select
        date_trunc('hour', e.{event.created_at}, 'UTC') as bucket,
        count(*) as volume,
        coalesce(sum({event.octets}), 0) as bytes
    from covered c
    join {events} e on e.{event.project_id} = c.project_id
    where e.{event.created_at} >= c.lower and e.{event.created_at} < c.upper and {event.live} {events-in-chunk}
    group by 1
),

sent as (
    select
        date_trunc('hour', d.{delivery.created_at}, 'UTC') as bucket,
        count(*) as volume,
        coalesce(sum({delivery.octets}), 0) as bytes,
        count(*) filter (where {event-is-missing}) as missing
    from covered c
    join {deliveries} d on d.{delivery.project_id} = c.project_id
    left join {events} e on e.{event.id} = d.{delivery.event_id} {events-near}
    where d.{delivery.created_at} >= c.lower
        and d.{delivery.created_at} < c.upper
        and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
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
        coalesce(sent.bytes, 0) as raw_sent_bytes,
        coalesce(sent.missing, 0) as missing
    from received
    full join sent using (bucket)
    full join rolled using (bucket)
)

select
    bucket,
    rolled_received_volume,
    rolled_received_bytes,
    rolled_sent_volume,
    rolled_sent_bytes,
    raw_received_volume,
    raw_received_bytes,
    raw_sent_volume,
    raw_sent_bytes
from compared
where not exists (select from marked where marked.bucket = compared.bucket)
    and (
        (rolled_received_volume, rolled_received_bytes, rolled_sent_volume, rolled_sent_bytes)
            is distinct from (raw_received_volume, raw_received_bytes, raw_sent_volume, raw_sent_bytes)
        or missing > 0
    )
order by bucket

-- fragment: hours-of-late-events-of-orphans
-- The hours of rolled deliveries whose event has arrived late; a relation covered says which project and which time, [lower, upper).
union
    select o.bucket
    from covered c
    join {rollups}.orphan o on o.project_id = c.project_id and o.bucket >= c.lower and o.bucket < c.upper
    join {events} e on e.{event.id} = o.event_id

-- fragment: event-of-delivery-is-missing
-- Condition: the event e of a delivery d isn't where it was looked for.
e.{event.id} is null and d.{delivery.event_id} is not null

-- name: mark-hour
-- Marks an hour of a rolled project as dirty: from then on it is read live, and the worker re-rolls it.
-- Parameters: :project_id; :bucket, timestamptz.
insert into {rollups}.mark (project_id, bucket)
select p.project_id, :bucket
from {rollups}.project p
where p.project_id = :project_id
