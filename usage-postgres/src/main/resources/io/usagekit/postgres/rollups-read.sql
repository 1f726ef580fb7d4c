-- The same figure as the combined query, in one snapshot, from roll-ups: the rolled hours inside the window, and live what
-- isn't rolled: the window's edges, what came after the last advance, what isn't back-filled, and hours that are marked.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz; :first_hour and :end_hour, the whole
-- hours inside it, [first_hour, end_hour), none where first_hour isn't before end_hour; :live_percent, how much of the window
-- so far may have to be read live; :changed_events, how many changed events are looked up.
-- Returns one row, or none if these roll-ups were made for another mapping or by another version:
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured  bigint, as the combined query does
--   cut           whether an edge of the window cuts a quarter of an hour of which retention has deleted rows; then there is no
--                 figure, either
--   covering      whether no more than that is live; if not, the sums above lack it and are no figure
--   live_hours    hours to be read live, of all projects together, rounded up; bigint
--   marked_hours  how many of them are rolled, but marked; bigint
with state as materialized (
    select coalesce(covered_before, '-infinity') as covered_before
    from {rollups}.state
    where version = {version} and settings = {settings}
),

-- What is rolled of the window for each project: [rolled_from, rolled_to), or empty at its end.
project as materialized (
    select
        id,
        case when rolled_from < rolled_to then rolled_from else :end end as rolled_from,
        case when rolled_from < rolled_to then rolled_to else :end end as rolled_to
    from (
        select
            p.{project.id} as id,
            greatest(:first_hour, coalesce(known.covered_from, 'infinity')) as rolled_from,
            least(:end_hour, state.covered_before) as rolled_to
        from state
        cross join {projects} p
        left join {rollups}.project known on known.project_id = p.{project.id}
        where p.{project.organisation_id} = :organisation_id and {project.counts}
    ) as p
),

-- With duplicates, and cut off: if there are more, the verdict is that they are too many.
changed_event as materialized (
    select event_id from {rollups}.changed_event limit :changed_events::bigint + 1
),

-- Rolled hours of the window that have changed since: marked, with a delivery of an event that has changed, or with one whose
-- event has come after all.
marked as materialized (
    select p.id as project_id, m.bucket
    from project p
    join {rollups}.mark m on m.project_id = p.id and m.bucket >= p.rolled_from and m.bucket < p.rolled_to
    union
    select p.id, date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from changed_event) as changed
    cross join lateral ({changed.deliveries}) as d
    join project p on p.id = d.project_id and d.created_at >= p.rolled_from and d.created_at < p.rolled_to
    union
    select p.id, o.bucket
    from project p
    join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
    join {events} e on e.{event.id} = o.event_id
),

unrolled as materialized (
    select id as project_id, :start as lower, rolled_from as upper from project where rolled_from > :start
    union all
    select id, rolled_to, :end from project where rolled_to < :end
    union all
    select project_id, bucket, bucket + interval '1 hour' from marked
),

-- Counted up to an hour from now: what is left of the month has no rows to speak of.
effort as materialized (
    select
        coalesce(sum(extract(epoch from least(upper, greatest(lower, now() + interval '1 hour')) - lower)), 0) / 3600
            as live_hours,
        (select count(*) from project)
            * extract(epoch from greatest(least(:end, now() + interval '1 hour') - :start, interval '0')) / 3600 as all_hours
    from unrolled
),

verdict as materialized (
    select
        live_hours * 100 <= all_hours * :live_percent::bigint
            and (select count(*) from changed_event) <= :changed_events::bigint as covering,
        ceil(live_hours)::bigint as live_hours
    from effort
),

live as materialized (
    select project_id, lower, upper from unrolled where (select covering from verdict)
),

rolled as (
    select
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured
    from project p
    join {rollups}.rollup r on r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
    where not exists (select from marked m where m.project_id = r.project_id and m.bucket = r.bucket)
),

received as (
    select sum(e.volume) as volume, sum(e.bytes) as bytes, sum(e.unmeasured) as unmeasured
    from live
    cross join lateral ({live.received}) as e
),

sent as (
    select sum(d.volume) as volume, sum(d.bytes) as bytes, sum(d.unmeasured) as unmeasured
    from live
    cross join lateral ({live.sent}) as d
),

retained as (
    select
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        coalesce(bool_or(r.cut), false) as cut
    from (select id as project_id, :start as lower, :end as upper from project) as stretch
    cross join lateral ({retained}) as r
)

select
    (coalesce(rolled.received_volume, 0) + coalesce(received.volume, 0) + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (coalesce(rolled.received_bytes, 0) + coalesce(received.bytes, 0) + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (coalesce(rolled.sent_volume, 0) + coalesce(sent.volume, 0) + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (coalesce(rolled.sent_bytes, 0) + coalesce(sent.bytes, 0) + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (
        coalesce(rolled.unmeasured, 0) + coalesce(received.unmeasured, 0) + coalesce(sent.unmeasured, 0)
        + coalesce(retained.unmeasured, 0)
    )::bigint as unmeasured,
    retained.cut,
    verdict.covering,
    verdict.live_hours,
    (select count(*) from marked) as marked_hours
from state, verdict, rolled, received, sent, retained
