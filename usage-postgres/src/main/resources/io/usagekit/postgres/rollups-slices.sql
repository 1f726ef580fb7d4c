-- The same sums as a figure from roll-ups, by project and by slices of a window, in one snapshot. However much is live.
--
-- Parameters: :organisation_id, where only one is asked for; :lowers and :uppers, the slices [lower, upper), and :first_hours and
-- :end_hours, the whole hours inside each, [first_hour, end_hour), none where first_hour isn't before end_hour: arrays of
-- timestamptz in their text form, of the same length.
-- Returns no row if these roll-ups were made for another mapping or by another version and one with nothing but nulls if there is
-- no project; else for each project that counts, one row for each slice in which there was something, or one without a slice:
--   organisation_id, project_id  as text; in this order
--   slice                        its number, from 1
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured  bigint
--   cut                          whether an edge of the slice cuts a quarter of an hour of which retention has deleted rows; then
--                                there are no sums
with state as materialized (
    select coalesce(covered_before, '-infinity') as covered_before
    from {rollups}.state
    where version = {version} and settings = {settings}
),

slice as materialized (
    select n, lower, upper, first_hour, end_hour
    from unnest(
        :lowers::timestamptz[], :uppers::timestamptz[], :first_hours::timestamptz[], :end_hours::timestamptz[]
    ) with ordinality as s (lower, upper, first_hour, end_hour, n)
),

project as materialized (
    select
        p.{project.id} as id,
        p.{project.organisation_id}::text as organisation_id,
        coalesce(known.covered_from, 'infinity') as covered_from
    from {projects} p
    left join {rollups}.project known on known.project_id = p.{project.id}
    where p.{project.organisation_id} is not null and {organisation.counts} and {project.counts}
),

-- What is rolled of each project's slice: [rolled_from, rolled_to), or empty at its end.
part as materialized (
    select
        id,
        n,
        lower,
        upper,
        case when rolled_from < rolled_to then rolled_from else upper end as rolled_from,
        case when rolled_from < rolled_to then rolled_to else upper end as rolled_to
    from (
        select
            project.id,
            slice.n,
            slice.lower,
            slice.upper,
            greatest(slice.first_hour, project.covered_from) as rolled_from,
            least(slice.end_hour, state.covered_before) as rolled_to
        from state
        cross join slice
        cross join project
    ) as p
),

marked as materialized (
    select p.id as project_id, p.n, m.bucket
    from part p
    join {rollups}.mark m on m.project_id = p.id and m.bucket >= p.rolled_from and m.bucket < p.rolled_to
    union
    select p.id, p.n, date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from {rollups}.changed_event) as changed
    cross join lateral ({changed.deliveries}) as d
    join part p on p.id = d.project_id and d.created_at >= p.rolled_from and d.created_at < p.rolled_to
    union
    select p.id, p.n, o.bucket
    from part p
    join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
    join {events} e on e.{event.id} = o.event_id
),

live as materialized (
    select id as project_id, n, lower, rolled_from as upper from part where rolled_from > lower
    union all
    select id, n, rolled_to, upper from part where rolled_to < upper
    union all
    select project_id, n, bucket, bucket + interval '1 hour' from marked
),

summed as (
    select
        p.id as project_id,
        p.n,
        r.received_volume::numeric,
        r.received_bytes,
        r.sent_volume::numeric,
        r.sent_bytes,
        r.unmeasured::numeric,
        false as cut
    from part p
    join {rollups}.rollup r on r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
    where not exists (select from marked m where m.project_id = r.project_id and m.n = p.n and m.bucket = r.bucket)
    union all
    select live.project_id, live.n, e.volume, e.bytes, 0, 0, e.unmeasured, false
    from live
    cross join lateral ({live.received}) as e
    union all
    select live.project_id, live.n, 0, 0, d.volume, d.bytes, d.unmeasured, false
    from live
    cross join lateral ({live.sent}) as d
    union all
    select
        p.id,
        p.n,
        r.received_volume,
        r.received_bytes,
        r.sent_volume,
        r.sent_bytes,
        r.unmeasured,
        r.quarter < p.lower or r.quarter + interval '15 minutes' > p.upper
    from part p
    join {rollups}.retained r
        on r.project_id = p.id and r.quarter > p.lower - interval '15 minutes' and r.quarter < p.upper
),

total as (
    select
        project_id,
        n,
        sum(received_volume)::bigint as received_volume,
        sum(received_bytes)::bigint as received_bytes,
        sum(sent_volume)::bigint as sent_volume,
        sum(sent_bytes)::bigint as sent_bytes,
        sum(unmeasured)::bigint as unmeasured,
        bool_or(cut) as cut
    from summed
    group by project_id, n
    having sum(received_volume) > 0 or sum(sent_volume) > 0
)

select
    project.organisation_id,
    project.id::text as project_id,
    coalesce(total.n, 0) as slice,
    coalesce(total.received_volume, 0) as received_volume,
    coalesce(total.received_bytes, 0) as received_bytes,
    coalesce(total.sent_volume, 0) as sent_volume,
    coalesce(total.sent_bytes, 0) as sent_bytes,
    coalesce(total.unmeasured, 0) as unmeasured,
    coalesce(total.cut, false) as cut
from state
left join project on true
left join total on total.project_id = project.id
order by project.organisation_id collate "C", project.id, total.n
