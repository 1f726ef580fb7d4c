-- Statements that read figures, for calculators. A rolled hour without a dirty mark is taken from its sums; everything else is
-- read live, from raw rows, in the same snapshot.

-- name: figure
-- The figure of the combined query from roll-ups alone, in one snapshot, if nothing in the window has to be read live; else what has to be.
-- It names no table of events or deliveries: its cost and its locks don't depend on how many partitions they have.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz; :first_hour and :end_hour, the whole
-- hours inside it, [first_hour, end_hour), none if first_hour isn't before end_hour; :live_percent, how much of the window up to
-- now may be live; :changed_events, how many rows of the change log are looked up.
-- Returns one row, or none if these roll-ups were made for another mapping or by another version:
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes  bigint, as the combined query, if rolled is true
--   cut           whether an edge of the window falls into a quarter of an hour of which retention has deleted rows; then there
--                 is no figure
--   missing_project  a project of which retention has kept sums in the window, and which the organisation had and the projects don't have
--                 any more; then there is no figure; null if there is none
--   covering      whether both limits are kept, as far as it is known without a look at deliveries; if not, the combined query is faster
--   rolled        whether the sums above are the figure; not where a policy would hide rows, so that the next statement is an error
--   live_hours    hours to be read live, of all projects together, rounded up, without those of changed and late events; bigint
--   marked_hours  how many of them are rolled, but have changed since; bigint
--   intact        whether the tables and triggers are as they were recorded; if not, everything is live
--   changes       whether the change log has rows, and hours of the window are rolled
--   orphans       whether rolled deliveries in the window had no event
--   live_from, live_to  a time around all that is live, [live_from, live_to), timestamptz: the window unless rolled or neither changes nor
--                 orphans; null if rolled
--   project_ids   the projects that count, an array as text; null if there are none, or too many to be worth a list
--   published, shipped_projects, shipped_from, shipped_to, shipped_versions  if {shipped-columns} has them: the days that the sums above lack,
--                 since another store has them
with state as materialized (
    {state}
),

project as materialized (
    {figure-projects}
),

changed_event as materialized (
    {changed-events}
),

marked as materialized (
    {dirty-hours}
),

unrolled as materialized (
    {unrolled-of-window}
),
{shipped-relations}
doubt as materialized (
    select
        exists (select from changed_event) and exists (select from project where rolled_from < rolled_to) as changes,
        exists (
            {orphans-of-window}
        ) as orphans,
        row_security_active({events.regclass}) or row_security_active({deliveries.regclass}) as hidden,
        (select min(lower) from unrolled) as live_from,
        (select max(upper) from unrolled) as live_to
),

verdict as materialized (
    {verdict-of-window}
),

rolled as (
    {rolled-of-projects}
    where (select not changes and not orphans and not hidden and live_from is null from doubt)
),

retained as (
    {retained-of-window}
)

select
    (coalesce(rolled.received_volume, 0) + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (coalesce(rolled.received_bytes, 0) + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (coalesce(rolled.sent_volume, 0) + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (coalesce(rolled.sent_bytes, 0) + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (coalesce(rolled.unmeasured, 0) + coalesce(retained.unmeasured, 0))::bigint as unmeasured,
    (coalesce(rolled.lost_sizes, 0) + coalesce(retained.lost_sizes, 0))::bigint as lost_sizes,
    retained.cut,
    ({missing-project}) as missing_project,
    verdict.covering,
    not doubt.changes and not doubt.orphans and not doubt.hidden and doubt.live_from is null as rolled,
    verdict.live_hours,
    (select count(*) from marked) as marked_hours,
    state.intact,
    doubt.changes,
    doubt.orphans,
    case when doubt.changes or doubt.orphans or doubt.hidden then :start else doubt.live_from end as live_from,
    case when doubt.changes or doubt.orphans or doubt.hidden then :end else doubt.live_to end as live_to,
    (select case when count(*) <= 50 then array_agg(id)::text end from project) as project_ids{shipped-columns}
from state, doubt, verdict, rolled, retained

-- name: live-figure
-- The figure of the combined query, in one snapshot, from roll-ups: the rolled hours inside the window from their sums, and live
-- the window's edges, hours after the last advance, history that isn't back-filled, and hours that have changed since. Events and deliveries
-- are read between :live_from and :live_to only, and, where their table is partitioned by project, of :project_ids only, so that the planner
-- leaves all other partitions out. Both were found in an older snapshot, so it is checked that they are around all that is live in this one.
--
-- Parameters: those of figure; :live_from, :live_to and :project_ids as figure returns them; :near_from and :near_to, between which the
-- events of live deliveries are looked up first, if {events-near} has them; :few_deliveries, how many deliveries of changed events may be read,
-- whosever they are, besides as many as this organisation has, if {changed-hours} are looked up.
-- Returns one row, or none if these roll-ups were made for another mapping or by another version:
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes  bigint, as the combined query
--   cut, missing_project  as figure
--   covering      whether both limits are kept; if not, the sums above lack the live part and are no figure
--   live_hours    hours to be read live, of all projects together, rounded up; bigint
--   marked_hours  how many of them are rolled, but have changed since; bigint
--   intact        as figure
--   retains       whether retention has deleted rows in the window
--   bounded       whether all that is live lies within the bounds; if not, the sums above are no figure
--   missing       how many live deliveries have no event within the bounds of events; bigint
--   published, shipped_projects, shipped_from, shipped_to, shipped_versions  as figure
with state as materialized (
    {state}
),

-- The part of the window that is rolled, by project: [rolled_from, rolled_to); empty at the window's end if none is.
project as materialized (
    {figure-projects}
),

changed_event as materialized (
    {changed-events}
),
{changed-delivery-relations}
-- Rolled hours of the window that have changed since: hours with a dirty mark, hours with a delivery of an event in the change
-- log, and hours with a delivery whose event arrived late.
marked as materialized (
    {dirty-hours}
    {changed-hours}
    {late-hours}
),

unrolled as materialized (
    {unrolled-of-window}
),
{shipped-relations}
verdict as materialized (
    {verdict-of-window}
),

live as materialized (
    select project_id, lower, upper from unrolled where (select covering from verdict)
),

rolled as (
    {rolled-of-projects}
    where not exists (select from marked m where m.project_id = p.id and m.bucket = r.bucket)
),

received as (
    select sum(e.volume) as volume, sum(e.bytes) as bytes, sum(e.unmeasured) as unmeasured, sum(e.lost_sizes) as lost_sizes
    from live
    cross join lateral (
        {live-received}
            and e.{event.created_at} >= :live_from::timestamptz{event.at_utc}
            and e.{event.created_at} < :live_to::timestamptz{event.at_utc}
            {events-of-projects}
    ) as e
),

delivery as (
    select
        d.{delivery.event_id} as event_id,
        {delivery.size} as size,
        e.{event.id} is not null as has_event,
        {delivery.octets} as octets,
        {delivery.lost} as lost
    from live
    {live-deliveries}
),

sent as (
    {sent}
),

retained as (
    {retained-of-window}
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
    (
        coalesce(rolled.lost_sizes, 0) + coalesce(received.lost_sizes, 0) + coalesce(sent.lost_sizes, 0)
        + coalesce(retained.lost_sizes, 0)
    )::bigint as lost_sizes,
    retained.cut,
    ({missing-project}) as missing_project,
    verdict.covering,
    verdict.live_hours,
    (select count(*) from marked) as marked_hours,
    state.intact,
    retained.received_volume is not null as retains,
    not exists (select from unrolled u where u.lower < :live_from or u.upper > :live_to)
        and not exists (select from project p where not {project-is-known})
        and {no-changes}
        and {no-orphans} as bounded,
    sent.missing{shipped-columns}
from state, verdict, rolled, received, sent, retained

-- name: figures
-- What the two statements above read, for many requests, each of an organisation and a window, in one snapshot. Each is within the limits
-- or not by itself.
--
-- Parameters: :organisation_ids, different ones, an array that takes the type of their column; for each request :organisations, the
-- place of its organisation in that array, bigint[], :lowers and :uppers, its window [lower, upper), and :first_hours and :end_hours,
-- the whole hours inside it, timestamptz[]; :live_percent and :changed_events as above; :start and :end, a window around all of them,
-- timestamptz, so that the planner leaves all partitions out of it out; :near_from and :near_to as above, if {events-near} has them.
-- Returns no row if these roll-ups were made for another mapping or by another version; else one row for each request, in their order:
--   n  its number, from 1
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes, cut, missing_project, covering, live_hours,
--      marked_hours, intact, retains, missing  as above
--   orphans  whether rolled deliveries in the window had no event, which {late-hours} would look up
with state as materialized (
    {state}
),

organisation as materialized (
    {requested-organisations}
),

request as materialized (
    select r.n, r.organisation, r.lower, r.upper, r.first_hour, r.end_hour
    from unnest(
        :organisations::bigint[],
        :lowers::timestamptz[],
        :uppers::timestamptz[],
        :first_hours::timestamptz[],
        :end_hours::timestamptz[]
    ) with ordinality as r (organisation, lower, upper, first_hour, end_hour, n)
),

-- The part of each window that is rolled, by project: [rolled_from, rolled_to); empty at the window's end if none is.
project as materialized (
    select
        n,
        id,
        lower,
        upper,
        case when rolled_from < rolled_to then rolled_from else upper end as rolled_from,
        case when rolled_from < rolled_to then rolled_to else upper end as rolled_to
    from (
        select
            request.n,
            p.{project.id} as id,
            request.lower,
            request.upper,
            greatest(request.first_hour, {project.rolled_from}) as rolled_from,
            least(request.end_hour, state.covered_before) as rolled_to
        from state
        cross join request
        join organisation on organisation.n = request.organisation
        join {projects} p on p.{project.organisation_id} = organisation.id
        left join {rollups}.project known on known.project_id = p.{project.id}
        where {project.counts}
    ) as p
),

changed_event as materialized (
    select event_id from {rollups}.changed_event limit :changed_events::bigint + 1
),

marked as materialized (
    select p.n, p.id as project_id, m.bucket
    from project p
    join {rollups}.mark m on m.project_id = p.id and m.bucket >= p.rolled_from and m.bucket < p.rolled_to
    union
    select p.n, p.id, date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from changed_event) as changed
    cross join lateral (
        select d.{delivery.project_id} as project_id, d.{delivery.created_at} as created_at
        from {deliveries} d
        where d.{delivery.event_id} = changed.event_id
            and d.{delivery.status} in ({delivered_statuses})
            {delivery-in-window}
        offset 0
    ) as d
    join project p on p.id = d.project_id and d.created_at >= p.rolled_from and d.created_at < p.rolled_to
    {late-hours}
),

unrolled as materialized (
    select n, id as project_id, lower, rolled_from as upper from project where rolled_from > lower
    union all
    select n, id, rolled_to, upper from project where rolled_to < upper
    union all
    select n, project_id, bucket, bucket + interval '1 hour' from marked
),

effort as materialized (
    select
        request.n,
        coalesce(
            (
                select sum(extract(epoch from least(u.upper, greatest(u.lower, now() + interval '1 hour')) - u.lower))
                from unrolled u
                where u.n = request.n
            ),
            0
        ) / 3600 as live_hours,
        (select count(*) from project p where p.n = request.n)
            * extract(
                epoch from greatest(least(request.upper, now() + interval '1 hour') - request.lower, interval '0')
            ) / 3600 as all_hours
    from request
),

verdict as materialized (
    select
        n,
        live_hours * 100 <= all_hours * :live_percent::bigint
            and (select count(*) from changed_event) <= :changed_events::bigint as covering,
        ceil(live_hours)::bigint as live_hours
    from effort
),

live as materialized (
    select u.n, u.project_id, u.lower, u.upper
    from unrolled u
    join verdict on verdict.n = u.n
    where verdict.covering
),

rolled as (
    select
        p.n,
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        sum(r.lost_sizes) as lost_sizes
    from project p
    join {rollups}.rollup r on r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
    where not exists (select from marked m where m.n = p.n and m.project_id = r.project_id and m.bucket = r.bucket)
    group by p.n
),

received as (
    select live.n, sum(e.volume) as volume, sum(e.bytes) as bytes, sum(e.unmeasured) as unmeasured, sum(e.lost_sizes) as lost_sizes
    from live
    cross join lateral (
        {live-received}
            and e.{event.created_at} >= :start::timestamptz{event.at_utc}
            and e.{event.created_at} < :end::timestamptz{event.at_utc}
    ) as e
    group by live.n
),

sent as (
    select
        live.n,
        sum(d.volume) as volume,
        sum(d.bytes) as bytes,
        sum(d.unmeasured) as unmeasured,
        sum(d.lost_sizes) as lost_sizes,
        sum(d.missing)::bigint as missing
    from live
    cross join lateral (
        {live-sent}
            {delivery-in-window}
    ) as d
    group by live.n
),

retained as (
    select
        requested.n,
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        sum(r.lost_sizes) as lost_sizes,
        coalesce(bool_or(r.cut), false) as cut
    from (select n, id as project_id, lower, upper from project) as requested
    cross join lateral ({retained-sums}) as r
    group by requested.n
),

missing as (
    {missing-projects}
)

select
    verdict.n,
    (coalesce(rolled.received_volume, 0) + coalesce(received.volume, 0) + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (coalesce(rolled.received_bytes, 0) + coalesce(received.bytes, 0) + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (coalesce(rolled.sent_volume, 0) + coalesce(sent.volume, 0) + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (coalesce(rolled.sent_bytes, 0) + coalesce(sent.bytes, 0) + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (
        coalesce(rolled.unmeasured, 0) + coalesce(received.unmeasured, 0) + coalesce(sent.unmeasured, 0)
        + coalesce(retained.unmeasured, 0)
    )::bigint as unmeasured,
    (
        coalesce(rolled.lost_sizes, 0) + coalesce(received.lost_sizes, 0) + coalesce(sent.lost_sizes, 0)
        + coalesce(retained.lost_sizes, 0)
    )::bigint as lost_sizes,
    coalesce(retained.cut, false) as cut,
    missing.project_id as missing_project,
    verdict.covering,
    verdict.live_hours,
    (select count(*) from marked m where m.n = verdict.n) as marked_hours,
    state.intact,
    retained.received_volume is not null as retains,
    coalesce(sent.missing, 0) as missing,
    exists (
        select
        from project p
        join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
        where p.n = verdict.n
    ) as orphans
from state
cross join verdict
left join rolled on rolled.n = verdict.n
left join received on received.n = verdict.n
left join sent on sent.n = verdict.n
left join retained on retained.n = verdict.n
left join missing on missing.n = verdict.n
order by verdict.n

-- name: series
-- The sums of a figure from roll-ups, by project and by slices of a window, in one snapshot. There is no limit on the live part.
--
-- Parameters: :organisation_id, if the placeholders organisation.counts and retained.organisation.counts name it; :lowers and :uppers, the slices [lower, upper),
-- and :first_hours and :end_hours, the whole hours inside each, [first_hour, end_hour), none if first_hour isn't before end_hour:
-- arrays of timestamptz of the same length; :start and :end, a window around all of them, timestamptz, so that the planner leaves all
-- partitions out of it out; :near_from and :near_to, between which the events of live deliveries are looked up, if {events-near} has them.
-- Returns no row if these roll-ups were made for another mapping or by another version, and one row of nulls if there is no
-- project; else for each project that counts, one row for each slice in which there was something, or one without a slice:
--   organisation_id, project_id  as text; in this order. Ids that their column takes for equal are one organisation, under the first of
--                                them by code points
--   slice                        its number, from 1
--   received_volume, sent_volume, unmeasured, lost_sizes  bigint
--   received_bytes, sent_bytes   numeric: one that exceeds bigint is the error of its organisation alone
--   cut                          whether an edge of the slice falls into a quarter of an hour of which retention has deleted
--                                rows; then there are no sums
--   missing_project              the project, if retention has kept sums of it, and the projects don't have it any more; then the
--                                organisation has no sums
--   missing                      how many live deliveries of all projects have no event where it was looked for, and rolled ones whose event was
--                                missing, unless {late-hours} looks them up; where it wasn't looked for everywhere and this isn't 0, there are
--                                no sums
--   published, shipped_from, shipped_to, shipped_versions  if {shipped-columns} has them: the days that the sums of the project lack, since
--                                another store has them; the same in each of its rows
with state as materialized (
    {state}
),

slice as materialized (
    select n, lower, upper, first_hour, end_hour
    from unnest(
        :lowers::timestamptz[], :uppers::timestamptz[], :first_hours::timestamptz[], :end_hours::timestamptz[]
    ) with ordinality as s (lower, upper, first_hour, end_hour, n)
),

present as materialized (
    select
        p.{project.id} as id,
        min(p.{project.organisation_id}::text collate "C")
            over (partition by p.{project.organisation_id}) as organisation_id,
        {organisation.begin_text}p.{project.organisation_id}{organisation.end_text} as organisation_text,
        {project.rolled_from} as covered_from
    from {projects} p
    left join {rollups}.project known on known.project_id = p.{project.id}
    where p.{project.organisation_id} is not null and {organisation.counts} and {project.counts}
),

project as materialized (
    select id, organisation_id, covered_from, false as is_missing from present
    union all
    select
        k.project_id,
        coalesce(
            (select min(p.organisation_id) from present p where p.organisation_text = k.organisation_id), k.organisation_id
        ),
        null,
        true
    from {rollups}.retained k
    where k.organisation_id is not null and {retained.organisation.counts} and {project-is-missing}
),

-- The part of each slice that is rolled, by project: [rolled_from, rolled_to); empty at the slice's end if none is.
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
        where not project.is_missing
    ) as p
),

marked as materialized (
    select p.id as project_id, p.n, m.bucket
    from part p
    join {rollups}.mark m on m.project_id = p.id and m.bucket >= p.rolled_from and m.bucket < p.rolled_to
    union
    select p.id, p.n, date_trunc('hour', d.created_at, 'UTC')
    from (select distinct event_id from {rollups}.changed_event) as changed
    cross join lateral (
        select d.{delivery.project_id} as project_id, d.{delivery.created_at} as created_at
        from {deliveries} d
        where d.{delivery.event_id} = changed.event_id
            and d.{delivery.status} in ({delivered_statuses})
            {delivery-in-window}
        offset 0
    ) as d
    join part p on p.id = d.project_id and d.created_at >= p.rolled_from and d.created_at < p.rolled_to
    {late-hours}
),

live as materialized (
    select id as project_id, n, lower, rolled_from as upper from part where rolled_from > lower
    union all
    select id, n, rolled_to, upper from part where rolled_to < upper
    union all
    select project_id, n, bucket, bucket + interval '1 hour' from marked
),
{shipped-relations}
sent as materialized (
    select live.project_id, live.n, d.volume, d.bytes, d.unmeasured, d.lost_sizes, d.missing
    from live
    cross join lateral (
        {live-sent}
            {delivery-in-window}
    ) as d
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
        r.lost_sizes::numeric,
        false as cut
    from {rolled-slices} p
    join {rollups}.rollup r on r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
    where not exists (select from marked m where m.project_id = r.project_id and m.n = p.n and m.bucket = r.bucket)
    union all
    select live.project_id, live.n, e.volume, e.bytes, 0, 0, e.unmeasured, e.lost_sizes, false
    from live
    cross join lateral (
        {live-received}
            and e.{event.created_at} >= :start::timestamptz{event.at_utc}
            and e.{event.created_at} < :end::timestamptz{event.at_utc}
    ) as e
    union all
    select project_id, n, 0, 0, volume, bytes, unmeasured, lost_sizes, false
    from sent
    union all
    select
        p.id,
        p.n,
        r.received_volume,
        r.received_bytes,
        r.sent_volume,
        r.sent_bytes,
        r.unmeasured,
        r.lost_sizes,
        r.quarter < p.lower or r.quarter + interval '15 minutes' > p.upper
    from {rolled-slices} p
    join {rollups}.retained r
        on r.project_id = p.id and r.quarter > p.lower - interval '15 minutes' and r.quarter < p.upper
),

total as (
    select
        project_id,
        n,
        sum(received_volume)::bigint as received_volume,
        sum(received_bytes) as received_bytes,
        sum(sent_volume)::bigint as sent_volume,
        sum(sent_bytes) as sent_bytes,
        sum(unmeasured)::bigint as unmeasured,
        sum(lost_sizes)::bigint as lost_sizes,
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
    coalesce(total.lost_sizes, 0) as lost_sizes,
    coalesce(total.cut, false) as cut,
    case when project.is_missing then project.id::text end as missing_project,
    (
        select coalesce(sum(missing), 0)::bigint from sent
    ) + (
        select count(*)
        from part p
        join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
    ) as missing{shipped-columns}
from state
left join project on not project.is_missing or exists (
    select
    from {rollups}.retained r
    join slice on r.quarter > slice.lower - interval '15 minutes' and r.quarter < slice.upper
    where r.project_id = project.id
)
left join total on total.project_id = project.id
{shipped-join}
order by project.organisation_id collate "C", project.id, total.n

-- name: combined-figure
-- The combined query and the sums of rows that retention has deleted, in one snapshot.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz.
-- Returns one row:
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes  bigint, as the combined query
--   missing, listed  as the combined query
--   cut, missing_project  as figure
with raw as materialized (
    {combined-query}
),

retained as (
    select
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        sum(r.lost_sizes) as lost_sizes,
        coalesce(bool_or(r.cut), false) as cut
    from (
        select p.{project.id} as project_id, :start::timestamptz as lower, :end::timestamptz as upper
        from {projects} p
        where p.{project.organisation_id} = :organisation_id and {project.counts}
    ) as requested
    cross join lateral ({retained-sums}) as r
)

select
    (raw.received_volume + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (raw.received_bytes + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (raw.sent_volume + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (raw.sent_bytes + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (raw.unmeasured + coalesce(retained.unmeasured, 0))::bigint as unmeasured,
    (raw.lost_sizes + coalesce(retained.lost_sizes, 0))::bigint as lost_sizes,
    raw.missing,
    raw.listed,
    retained.cut,
    ({missing-project}) as missing_project
from raw, retained

-- name: combined-figures-and-retained
-- The combined query for many requests and the sums of rows that retention has deleted, in one snapshot.
--
-- Parameters: those of combined-figures: :organisation_ids, :organisations, :lowers, :uppers, :start, :end; :near_from and :near_to, if
-- {near-windows} has them.
-- Returns one row for each request, in their order:
--   n  its number, from 1
--   received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes, cut, missing_project  as combined-figure
--   missing  as combined-figures
with raw as materialized (
    {combined-figures}
),

organisation as materialized (
    {requested-organisations}
),

retained as (
    select
        requested.n,
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        sum(r.lost_sizes) as lost_sizes,
        coalesce(bool_or(r.cut), false) as cut
    from (
        select request.n, p.{project.id} as project_id, request.lower, request.upper
        from unnest(:organisations::bigint[], :lowers::timestamptz[], :uppers::timestamptz[])
            with ordinality as request (organisation, lower, upper, n)
        join organisation on organisation.n = request.organisation
        join {projects} p on p.{project.organisation_id} = organisation.id
        where {project.counts}
    ) as requested
    cross join lateral ({retained-sums}) as r
    group by requested.n
),

request as (
    select r.n, r.organisation, r.lower, r.upper
    from unnest(:organisations::bigint[], :lowers::timestamptz[], :uppers::timestamptz[])
        with ordinality as r (organisation, lower, upper, n)
),

missing as (
    {missing-projects}
)

select
    raw.n,
    (raw.received_volume + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (raw.received_bytes + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (raw.sent_volume + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (raw.sent_bytes + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (raw.unmeasured + coalesce(retained.unmeasured, 0))::bigint as unmeasured,
    (raw.lost_sizes + coalesce(retained.lost_sizes, 0))::bigint as lost_sizes,
    coalesce(retained.cut, false) as cut,
    missing.project_id as missing_project,
    raw.missing
from raw
left join retained on retained.n = raw.n
left join missing on missing.n = raw.n
order by raw.n

-- fragment: figure-projects
-- The projects of an organisation that count, and the part of the window that is rolled of each: [rolled_from, rolled_to); empty at the
-- window's end if none is. The relation state says which hours are rolled.
--
-- Parameters: :organisation_id, :start, :end, :first_hour and :end_hour.
select
    id,
    case when rolled_from < rolled_to then rolled_from else :end end as rolled_from,
    case when rolled_from < rolled_to then rolled_to else :end end as rolled_to
from (
    select
        p.{project.id} as id,
        greatest(:first_hour, {project.rolled_from}) as rolled_from,
        least(:end_hour, state.covered_before) as rolled_to
    from state
    cross join {projects} p
    left join lateral (
        select k.covered_from from {rollups}.project k where k.project_id = p.{project.id} offset 0
    ) as known on true
    where p.{project.organisation_id} = :organisation_id and {project.counts}
) as p

-- fragment: changed-events
-- The change log, with duplicates, and limited: one row above the limit is enough for the verdict that there are too many.
--
-- Parameters: :changed_events.
select event_id from {rollups}.changed_event limit :changed_events::bigint + 1

-- fragment: dirty-hours
-- Rolled hours of the relation project that have a dirty mark.
select distinct p.id as project_id, m.bucket
from project p
cross join lateral (
    select m.bucket
    from {rollups}.mark m
    where m.project_id = p.id and m.bucket >= p.rolled_from and m.bucket < p.rolled_to
    offset 0
) as m

-- fragment: changed-delivery
-- Relations of the deliveries of changed events in rolled hours of the projects. They are found by their events as long as these have few
-- deliveries, whosever they are; if they have more, also among those of the projects: what is read is bounded by what this organisation has.
--
-- Parameters: :few_deliveries; and :start and :end, if {deliveries-in-window} has them.
few_delivery as materialized (
    select greatest(:few_deliveries::bigint, coalesce(sum(r.sent_volume), 0)::bigint) as few
    from project p
    join {rollups}.rollup r on r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
),

delivery_by_event as materialized (
    select d.project_id, d.created_at, d.counts
    from (select distinct event_id from changed_event) as changed
    cross join lateral (
        select
            d.{delivery.project_id} as project_id,
            d.{delivery.created_at} as created_at,
            d.{delivery.status} in ({delivered_statuses}) as counts
        from {deliveries} d
        where d.{delivery.event_id} = changed.event_id {deliveries-in-window} {deliveries-of-projects}
        offset 0
    ) as d
    limit (select few + 1 from few_delivery)
),

changed_delivery as (
    select project_id, created_at from delivery_by_event where counts
    union all
    select p.id, d.created_at
    from project p
    cross join lateral (
        select d.{delivery.created_at} as created_at
        from {deliveries} d
        where d.{delivery.project_id} = p.id
            and d.{delivery.created_at} >= p.rolled_from
            and d.{delivery.created_at} < p.rolled_to
            {deliveries-in-window}
            {deliveries-of-projects}
            and d.{delivery.status} in ({delivered_statuses})
            and d.{delivery.event_id} in (select event_id from changed_event)
        offset 0
    ) as d
    where (select count(*) from delivery_by_event) > (select few from few_delivery)
),

-- fragment: no-changed-events
-- Condition: the change log is empty, or no hour of the relation project is rolled.
(not exists (select from changed_event) or not exists (select from project where rolled_from < rolled_to))

-- fragment: hours-of-changed-events
-- Rolled hours of the relation project with a delivery of an event in the change log.
union
select p.id, date_trunc('hour', c.created_at, 'UTC')
from changed_delivery c
join project p on p.id = c.project_id and c.created_at >= p.rolled_from and c.created_at < p.rolled_to

-- fragment: hours-of-late-events
-- Rolled hours of the relation project with a delivery whose event was missing, and has arrived since.
union
select p.id, o.bucket
from project p
join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
join {events} e on e.{event.id} = o.event_id

-- fragment: hours-of-late-events-by-request
-- The same where the relation project has a request's number n.
union
select p.n, p.id, o.bucket
from project p
join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
join {events} e on e.{event.id} = o.event_id

-- fragment: hours-of-late-events-by-slice
-- The same where the relation part has a slice's number n.
union
select p.id, p.n, o.bucket
from part p
join {rollups}.orphan o on o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to
join {events} e on e.{event.id} = o.event_id

-- fragment: orphans-of-window
-- Rolled deliveries of the relation project whose event was missing.
select
from project p
cross join lateral (
    select from {rollups}.orphan o where o.project_id = p.id and o.bucket >= p.rolled_from and o.bucket < p.rolled_to offset 0
) as o

-- fragment: unrolled-of-window
-- What has to be read live: what isn't rolled, and the hours of the relation marked.
--
-- Parameters: :start, :end.
select id as project_id, :start as lower, rolled_from as upper from project where rolled_from > :start
union all
select id, rolled_to, :end from project where rolled_to < :end
union all
select project_id, bucket, bucket + interval '1 hour' from marked

-- fragment: verdict-of-window
-- Whether little enough of the window has to be read live, of all projects together; live_hours, how much of it. Counted up to an hour from
-- now: the rest of the month has hardly any rows.
--
-- Parameters: :start, :end, :live_percent, :changed_events.
select
    live_hours * 100 <= all_hours * :live_percent::bigint
        and (select count(*) from changed_event) <= :changed_events::bigint as covering,
    ceil(live_hours)::bigint as live_hours
from (
    select
        coalesce(sum(extract(epoch from least(upper, greatest(lower, now() + interval '1 hour')) - lower)), 0) / 3600
            as live_hours,
        (select count(*) from project)
            * extract(epoch from greatest(least(:end, now() + interval '1 hour') - :start, interval '0')) / 3600 as all_hours
    from unrolled
) as effort

-- fragment: joined-deliveries
-- The deliveries d that count of the relation live, and their events e; joined as PostgreSQL finds best for these values.
--
-- Parameters: :live_from, :live_to, and those of {events-near} and {deliveries-of-projects}.
join {deliveries} d
        on d.{delivery.project_id} = live.project_id
        and d.{delivery.created_at} >= live.lower
        and d.{delivery.created_at} < live.upper
    left join {events} e on e.{event.id} = d.{delivery.event_id} {events-near}
    where d.{delivery.created_at} >= :live_from::timestamptz{delivery.at_utc}
        and d.{delivery.created_at} < :live_to::timestamptz{delivery.at_utc}
        {deliveries-of-projects}
        and d.{delivery.status} in ({delivered_statuses})

-- fragment: looked-up-deliveries
-- The same, each looked up by its keys, so that one plan suits all values.
--
-- Parameters: :live_from, :live_to.
cross join lateral (
        select d.*
        from {deliveries} d
        where d.{delivery.project_id} = live.project_id
            and d.{delivery.created_at} >= live.lower
            and d.{delivery.created_at} < live.upper
            and d.{delivery.created_at} >= :live_from::timestamptz{delivery.at_utc}
            and d.{delivery.created_at} < :live_to::timestamptz{delivery.at_utc}
            and d.{delivery.status} in ({delivered_statuses})
        offset 0
    ) as d
    left join lateral (
        select e.* from {events} e where e.{event.id} = d.{delivery.event_id} offset 0
    ) as e on true

-- fragment: rolled-of-projects
-- The sums of the rolled hours r of the relation project p; a condition follows. Each project is looked up by itself, so that the plan is the
-- same whatever the number of projects and the statistics are.
select
    sum(r.received_volume) as received_volume,
    sum(r.received_bytes) as received_bytes,
    sum(r.sent_volume) as sent_volume,
    sum(r.sent_bytes) as sent_bytes,
    sum(r.unmeasured) as unmeasured,
    sum(r.lost_sizes) as lost_sizes
from {rolled-part} p
cross join lateral (
    select r.bucket, r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes, r.unmeasured, r.lost_sizes
    from {rollups}.rollup r
    where r.project_id = p.id and r.bucket >= p.rolled_from and r.bucket < p.rolled_to
    offset 0
) as r

-- fragment: retained-of-window
-- The sums of rows that retention has deleted, of all projects together.
--
-- Parameters: :start, :end.
select
    sum(r.received_volume) as received_volume,
    sum(r.received_bytes) as received_bytes,
    sum(r.sent_volume) as sent_volume,
    sum(r.sent_bytes) as sent_bytes,
    sum(r.unmeasured) as unmeasured,
    sum(r.lost_sizes) as lost_sizes,
    coalesce(bool_or(r.cut), false) as cut
from ({requested-of-window}) as requested
cross join lateral ({retained-sums}) as r

-- fragment: requested-of-window
-- The window, of each project.
--
-- Parameters: :start, :end.
select id as project_id, :start::timestamptz as lower, :end::timestamptz as upper from project

-- fragment: event-of-projects
-- Condition of events in a table that is partitioned by project.
--
-- Parameters: :project_ids.
and e.{event.project_id} = any (:project_ids)

-- fragment: delivery-of-projects
-- Condition of deliveries in a table that is partitioned by project.
--
-- Parameters: :project_ids.
and d.{delivery.project_id} = any (:project_ids)

-- fragment: project-is-listed
-- Condition: a project p.id is one of those that such conditions allow.
--
-- Parameters: :project_ids.
p.id = any (:project_ids)

-- fragment: delivery-in-window
-- Condition of deliveries in a table that is partitioned by time.
--
-- Parameters: :start, :end.
and d.{delivery.created_at} >= :start::timestamptz{delivery.at_utc}
            and d.{delivery.created_at} < :end::timestamptz{delivery.at_utc}

-- fragment: event-is-near
-- Condition of events in a table that is partitioned by time: they were created about when their deliveries were.
--
-- Parameters: :near_from, :near_to.
and e.{event.created_at} >= :near_from::timestamptz{event.at_utc}
        and e.{event.created_at} < :near_to::timestamptz{event.at_utc}

-- fragment: sent-of-window
-- What was sent, of the relation delivery. missing: how many of these deliveries have no event there.
select
    count(*) as volume,
    sum(octets) as bytes,
    count(*) filter (where has_event and octets is null) as unmeasured,
    count(*) filter (where lost) as lost_sizes,
    count(*) filter (where not has_event and event_id is not null) as missing
from delivery

-- fragment: sent-of-window-everywhere
-- The same where deliveries have their events looked up in all partitions if they have none near.
select
    near.volume + far.volume as volume,
    coalesce(near.bytes, 0) + coalesce(far.bytes, 0) as bytes,
    near.unmeasured + far.unmeasured as unmeasured,
    near.lost_sizes + far.lost_sizes as lost_sizes,
    0::bigint as missing
from (
    select
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from delivery
    where has_event
) as near
cross join (
    select
        count(*) as volume,
        sum({delivery.octets_by_id}) as bytes,
        count(*) filter (where e.{event.id} is not null and {delivery.octets_by_id} is null) as unmeasured,
        count(*) filter (where {delivery.lost_by_id}) as lost_sizes
    from delivery
    left join {events} e on e.{event.id} = delivery.event_id
    where not delivery.has_event
) as far

-- fragment: state
-- One row if these roll-ups were made for this mapping by this version. intact: whether the tables and triggers are as they were
-- recorded, as far as rolled hours of the window depend on them; covered_before: hours before it are rolled, -infinity if none are, or if rolled
-- hours can't be relied on.
--
-- Parameters: :start and :end, the window, timestamptz.
select intact, case when intact then coalesce(covered_before, '-infinity') else '-infinity' end as covered_before
from (
    select
        covered_before,
        {rollups}.is_intact(
            {events.regclass}, {deliveries.regclass}, :start::timestamptz, least(:end::timestamptz, covered_before)
        ) as intact
    from {rollups}.state
    where version = {version} and settings = {settings}
    offset 0
) as s

-- fragment: live-received
-- What a project received, from raw rows; the columns project_id, lower and upper of a relation called live say which
-- project and which time, [lower, upper).
select
    count(*) as volume,
    coalesce(sum({event.octets}), 0) as bytes,
    count(*) filter (where {event.octets} is null) as unmeasured,
    count(*) filter (where {event.lost}) as lost_sizes
from {events} e
where e.{event.project_id} = live.project_id
    and e.{event.created_at} >= live.lower
    and e.{event.created_at} < live.upper
    and {event.counts}

-- fragment: live-sent
-- What a project sent, from raw rows; the columns project_id, lower and upper of a relation called live say which
-- project and which time, [lower, upper). A delivery whose event is deleted counts with the size
-- that it holds itself, or with no bytes.
select
    count(*) as volume,
    coalesce(sum({delivery.octets}), 0) as bytes,
    count(*) filter (where e.{event.id} is not null and {delivery.octets} is null) as unmeasured,
    count(*) filter (where {delivery.lost}) as lost_sizes,
    count(*) filter (where e.{event.id} is null and d.{delivery.event_id} is not null) as missing
from {deliveries} d
left join {events} e on e.{event.id} = d.{delivery.event_id} {events-near}
where d.{delivery.project_id} = live.project_id
    and d.{delivery.created_at} >= live.lower
    and d.{delivery.created_at} < live.upper
    and d.{delivery.status} in ({delivered_statuses})

-- fragment: changed-deliveries
-- The deliveries that count of a changed event, or those in a part of the time ({deliveries-in-chunk}); the column event_id of a relation
-- called changed says which event.
select d.{delivery.project_id} as project_id, d.{delivery.created_at} as created_at
from {deliveries} d
where d.{delivery.event_id} = changed.event_id and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
offset 0

-- fragment: retained-sums
-- The sums of a project's rows that retention has deleted; the columns project_id, lower and upper of a relation called
-- requested say which project and which time, [lower, upper). cut: an edge falls into a quarter of an hour, of which only the whole
-- sum is known.
select
    sum(r.received_volume) as received_volume,
    sum(r.received_bytes) as received_bytes,
    sum(r.sent_volume) as sent_volume,
    sum(r.sent_bytes) as sent_bytes,
    sum(r.unmeasured) as unmeasured,
    sum({retained.lost_sizes}) as lost_sizes,
    bool_or({retained-is-cut}) as cut
{retained-quarters}

-- name: missing-project-of
-- A project of an organisation of which retention has kept sums, and which the projects don't have any more.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz. Returns missing_project, as figure.
select ({missing-project}) as missing_project

-- fragment: missing-project
-- A project of which retention has kept sums in the window, and which the organisation had and the projects don't have any more: it was
-- renamed, merged with another one, or deleted. At most one row: its id, as text. The organisation's projects are looked up in the order of
-- the index on organisations, which PostgreSQL therefore prefers to the one on projects also while both are empty; for the same reason the rest
-- is looked up for each of them.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end), timestamptz.
select k.project_id::text
from (
    select k.project_id
    from {rollups}.retained k
    where k.organisation_id >= {organisation.begin_text}:organisation_id{organisation.end_text}
        and k.organisation_id <= {organisation.begin_text}:organisation_id{organisation.end_text}
        and k.quarter = '-infinity'
    order by k.organisation_id
    offset 0
) as k
where not exists (select from {projects} p where p.{project.id} = k.project_id offset 0)
    and exists (
        select
        from {rollups}.retained r
        where r.project_id = k.project_id and r.quarter > :start::timestamptz - interval '15 minutes' and r.quarter < :end::timestamptz
        offset 0
    )
limit 1

-- fragment: missing-projects
-- The same for requests, in the columns n, the number of a request, and project_id, null if none is missing. A relation called request has
-- the columns n, organisation, lower and upper, and one called organisation the organisations' ids.
select
    request.n,
    (
        select k.project_id::text
        from {rollups}.retained k
        where k.organisation_id = {organisation.begin_text}organisation.id{organisation.end_text}
            and {project-is-missing}
            and exists (
                select
                from {rollups}.retained r
                where r.project_id = k.project_id
                    and r.quarter > request.lower - interval '15 minutes'
                    and r.quarter < request.upper
            )
        limit 1
    ) as project_id
from request
join organisation on organisation.n = request.organisation

-- fragment: project-is-missing
-- Condition: a row k of retained sums says whose project was, and the projects don't have it any more.
k.quarter = '-infinity' and not exists (select from {projects} p where p.{project.id} = k.project_id)

-- fragment: retained-quarters
-- The quarters of an hour r with sums of a project's rows that retention has deleted, from and where; requested as above.
from {rollups}.retained r
where r.project_id = requested.project_id
    and r.quarter > requested.lower - interval '15 minutes'
    and r.quarter < requested.upper

-- fragment: retained-is-cut
-- Condition: an edge of the requested time falls into a quarter of an hour r.
r.quarter < requested.lower or r.quarter + interval '15 minutes' > requested.upper
