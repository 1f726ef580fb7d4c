-- Statements that compare roll-ups with the raw rows.

-- name: rolled-projects
-- The projects that are rolled, in groups of at most :projects, which have at most about :rows rolled rows together.
-- Parameters: :projects and :rows, bigint, at least 1.
-- Returns in the order of their ids: project_ids, an array as text, in the notation of the column's type; names, the same ids as text.
with sized as (
    select
        p.project_id,
        row_number() over (order by p.project_id) - 1 as earlier_projects,
        sum(r.volume) over (order by p.project_id) - r.volume as earlier_rows
    from {rollups}.project p
    cross join lateral (
        select coalesce(sum(r.received_volume + r.sent_volume), 0) as volume
        from {rollups}.rollup r
        where r.project_id = p.project_id
    ) as r
)

select array_agg(project_id order by project_id)::text as project_ids, array_agg(project_id::text order by project_id) as names
from sized
group by earlier_projects / :projects::bigint, div(earlier_rows, :rows::bigint)
order by min(earlier_projects)

-- name: next-slice
-- The first 31 days from :rows_lower on, but before :rows_upper, in which there are rows or rolled sums of projects.
-- Parameters: :project_ids, an array as text; :rows_lower and :rows_upper, whole hours or infinite, as text; :project_id, if
-- {events-of-project} or {deliveries-of-project} have it.
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
        select date_trunc('hour', min(least({first-rolled-hour} {first-row})), 'UTC') as hour
        from {rollups}.project p
        where p.project_id = any (:project_ids)
    ) as first
    where hour is not null
) as slice

-- fragment: first-rolled-hour
-- The first hour of a project p with a rolled sum.
--
-- Parameters: :rows_lower and :rows_upper, as text.
(
    select min(r.bucket)
    from {rollups}.rollup r
    where r.project_id = p.project_id
        and r.bucket >= :rows_lower::timestamptz
        and r.bucket < :rows_upper::timestamptz
        and isfinite(r.bucket)
)

-- fragment: first-row-of-project
-- The times of the first event and of the first delivery that counts of a project p.
--
-- Parameters: :rows_lower and :rows_upper, as text; those of {events-of-project} and {deliveries-of-project}.
, (
    select min(e.{event.created_at})
    from {events} e
    where e.{event.project_id} = p.project_id and e.{event.created_at} > '-infinity' {event-of-chunk} {events-of-project}
), (
    select min(d.{delivery.created_at})
    from {deliveries} d
    where d.{delivery.project_id} = p.project_id
        and d.{delivery.created_at} > '-infinity'
        and d.{delivery.status} in ({delivered_statuses}) {delivery-of-chunk} {deliveries-of-project}
)

-- name: drifts
-- The hours of projects whose sums differ from those of the raw rows, among those in [:rows_lower, :rows_upper) that are rolled and have no
-- dirty mark, in one snapshot. Where the events of deliveries are looked up in some partitions only ({events-near}), hours with deliveries
-- without one ({event-is-missing}) are returned as well, and hours whose events have arrived late ({hours-of-late-events-of-orphans}) aren't
-- left out: only that there is no row says that no hour differs.
-- Parameters: :project_ids, an array as text; :rows_lower and :rows_upper, whole hours, as text; those of the fragments {events-in-chunk},
-- {deliveries-in-chunk} and {events-near}.
-- Returns, in the order of projects and hours: project_id, as text; bucket, the hour; rolled_received_volume, rolled_received_bytes, rolled_sent_volume and
-- rolled_sent_bytes, by the roll-ups; raw_received_volume, raw_received_bytes, raw_sent_volume and raw_sent_bytes, by the raw rows.
with covered as materialized (
    select
        p.project_id,
        greatest(p.covered_from, :rows_lower::timestamptz) as lower,
        least(s.covered_before, :rows_upper::timestamptz) as upper
    from {rollups}.state s
    cross join {rollups}.project p
    where p.project_id = any (:project_ids)
),

marked as materialized (
    select c.project_id, m.bucket
    from covered c
    join {rollups}.mark m on m.project_id = c.project_id and m.bucket >= c.lower and m.bucket < c.upper
    union
    select c.project_id, date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from {rollups}.changed_event) as changed
    cross join lateral ({changed-deliveries}) as d
    join covered c on c.project_id = d.project_id and d.created_at >= c.lower and d.created_at < c.upper
    {late-hours}
),

received as (
    select
        c.project_id,
        date_trunc('hour', e.{event.created_at}, 'UTC') as bucket,
        count(*) as volume,
        coalesce(sum({event.octets}), 0) as bytes
    from covered c
    join {events} e on e.{event.project_id} = c.project_id
    where e.{event.created_at} >= c.lower and e.{event.created_at} < c.upper and {event.live} {events-in-chunk}
    group by 1, 2
),

sent as (
    select
        c.project_id,
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
    group by 1, 2
),

rolled as (
    select c.project_id, r.bucket, r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes
    from covered c
    join {rollups}.rollup r on r.project_id = c.project_id and r.bucket >= c.lower and r.bucket < c.upper
),

compared as (
    select
        project_id,
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
    full join sent using (project_id, bucket)
    full join rolled using (project_id, bucket)
)

select
    project_id::text as project_id,
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
where not exists (select from marked m where m.project_id = compared.project_id and m.bucket = compared.bucket)
    and (
        (rolled_received_volume, rolled_received_bytes, rolled_sent_volume, rolled_sent_bytes)
            is distinct from (raw_received_volume, raw_received_bytes, raw_sent_volume, raw_sent_bytes)
        or missing > 0
    )
order by compared.project_id, bucket

-- fragment: hours-of-late-events-of-orphans
-- The hours of rolled deliveries whose event has arrived late; a relation covered says which projects and which time, [lower, upper).
union
    select c.project_id, o.bucket
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
