-- Statements of the feed of another store with the roll-ups' sums. A cycle is one REPEATABLE READ transaction; in its order:
-- lock-cycle, lock-sums, cycle-state, choose-hours, record-shipped, record-months, delete-listed, list-unfit, settled, changed-projects,
-- record-projects, projects-shipped, record-published.

-- name: feed-is-present
-- Whether the feed's tables are there. Returns answer.
select to_regclass({feed.state}) is not null as answer

-- name: feed-is-readable
-- Whether they are there, and this role may read what a figure needs of them. A name with a schema that the role may not use would be an
-- error. Returns answer.
select
    count(*) = 4 and bool_and(has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')) as answer
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = {feed.name} and c.relname in ('state', 'to_ship', 'shipped_day', 'shipped_month')

-- name: feed-is-current
-- Whether the ship list is complete: it was installed in this version for the roll-ups' tables of today, and its triggers are as they were.
-- Returns answer.
select exists (select from {feed}.state s where {feed-is-intact}) as answer

-- name: feed-has-type
-- Whether the feed's tables are of this version and hold project ids of a type. Parameter: :type. Returns answer.
select exists (
    select from {feed}.state s where s.version = {feed.version} and s.project_id_type = :type
) as answer

-- name: list-days
-- Has the hours of whole days of a project shipped again. Parameters: :project_id; :from and :to, the days [from, to), timestamptz.
insert into {feed}.to_ship (project_id, bucket)
select p.id, h
from (select project_id as id from {feed}.to_ship where false union all select :project_id) as p
cross join generate_series(:from::timestamptz, :to::timestamptz - interval '1 hour', interval '1 hour') as h

-- name: list-all
-- Has everything shipped again that has been shipped or has sums, and all projects. Takes a version that no cycle uses: an attempt that has chosen one
-- before, and knows nothing of it, isn't the newest any more; one that has its snapshot already can't update the state. Its result isn't read.
with doubted as (
    update {feed}.state set projects_in_doubt = true returning nextval({feed.sequence}::regclass) as version
)

select {feed}.list_all() from doubted

-- name: is-ahead
-- Whether the store has rows of versions that this feed hasn't chosen: PostgreSQL was restored from a backup, or taken over by a replica that
-- lagged, or the feed was removed and installed again. Runs after lock-cycle, before next-version. Parameter: :highest, the highest version that
-- the store has. Returns answer.
select :highest::bigint > v.last_value as answer from {feed}.version v

-- name: start-again
-- Has everything shipped in this version or later ones, so that what the store has from before counts no more. Parameter: :version, the one
-- that was chosen. Its result isn't read.
with started as (
    update {feed}.state set cells_from = :version returning version
)

select {feed}.list_all() from started

-- name: next-version
-- Chooses the version of the next cycle, above the last one, what is published, and :highest, the highest that the store has; at least the
-- milliseconds since 1970, so that a sequence that was restored from a backup or created again is ahead of versions whose rows the store hasn't
-- inserted yet. Runs after lock-cycle, since nextval and setval are two steps, in a transaction of its own that has an id: its commit writes the
-- sequence to disk, and a crash can't give the same version to a later cycle.
-- Parameter: :highest. Returns version; transaction, its id, so that it has one.
select
    setval(
        {feed.sequence}::regclass,
        greatest(
            nextval({feed.sequence}::regclass),
            s.published + 1,
            :highest::bigint + 1,
            floor(extract(epoch from clock_timestamp()) * 1000)::bigint
        )
    ) as version,
    pg_current_xact_id()::text as transaction
from {feed}.state s

-- name: doubt-projects
-- Records in the transaction of next-version that the attempt may send projects and fail. Parameter: :highest, as there. Returns in_doubt,
-- whether an earlier attempt may have: it failed, or the store has rows above what is published. Locks the row before it reads it: list-all has
-- recorded its doubt in a transaction that may be in progress, and has chosen its version before this attempt.
with before as materialized (
    select s.projects_in_doubt or s.published < :highest::bigint as in_doubt from {feed}.state s for update
),

doubted as (
    update {feed}.state s set projects_in_doubt = true from before
)

select in_doubt from before

-- name: lock-cycle
-- Lets one cycle run at a time, in whatever session. Takes no snapshot: that of the cycle is younger than the cycle before.
lock table {feed}.cycle in exclusive mode nowait

-- name: lock-sums
-- A session that empties the roll-ups' tables commits before the cycle's snapshot or waits for its end. Takes no snapshot.
lock table {rollups}.rollup, {rollups}.retained in access share mode

-- name: cycle-state
-- Takes the cycle's snapshot. Parameter: :version. Returns intact, as feed-is-current; newest, whether no other cycle has chosen a version since,
-- or published one that isn't lower.
select
    {feed-is-intact} as intact,
    (select last_value from {feed}.version) = :version and s.published < :version as newest
from {feed}.state s

-- name: choose-hours
-- The first :hours hours of the ship list, and their sums now: zeros for an hour without any, since the store may have older ones, and rows
-- of a cycle that failed. Those that were found not to fit are left out until they change: they would take the place of others.
-- Parameter: :hours. Returns, by project and hour: project_id, as text; bucket; fits, whether the sums are bigint; received_volume, received_bytes,
-- sent_volume, sent_bytes, unmeasured, lost_sizes, zeros if they don't fit.
select
    project_id::text as project_id,
    bucket,
    fits,
    case when fits then received_volume else 0 end::bigint as received_volume,
    case when fits then received_bytes else 0 end::bigint as received_bytes,
    case when fits then sent_volume else 0 end::bigint as sent_volume,
    case when fits then sent_bytes else 0 end::bigint as sent_bytes,
    case when fits then unmeasured else 0 end::bigint as unmeasured,
    case when fits then lost_sizes else 0 end::bigint as lost_sizes
from (
    select
        l.project_id,
        l.bucket,
        s.*,
        greatest(s.received_bytes, s.sent_bytes) <= 9223372036854775807 as fits
    from (
        select distinct t.project_id, t.bucket
        from {feed}.to_ship t
        where not t.unfit
        order by t.project_id, t.bucket
        limit :hours
    ) as l
    cross join lateral (
        select
            coalesce(sum(h.received_volume), 0) as received_volume,
            coalesce(sum(h.received_bytes), 0) as received_bytes,
            coalesce(sum(h.sent_volume), 0) as sent_volume,
            coalesce(sum(h.sent_bytes), 0) as sent_bytes,
            coalesce(sum(h.unmeasured), 0) as unmeasured,
            coalesce(sum(h.lost_sizes), 0) as lost_sizes
        from (
            select r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes, r.unmeasured, r.lost_sizes
            from {rollups}.rollup r
            where r.project_id = l.project_id and r.bucket = l.bucket
            union all
            select r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes, r.unmeasured, r.lost_sizes
            from {rollups}.retained r
            where r.project_id = l.project_id and r.quarter >= l.bucket and r.quarter < l.bucket + interval '1 hour'
        ) as h
    ) as s
) as hour
order by hour.project_id, hour.bucket

-- name: record-shipped
-- Records the version of the hours of the ship list up to an hour, which this cycle has shipped. Versions only rise.
-- Parameters: :version; :project_id and :bucket, the last hour, timestamptz. Returns, of the days of these hours: project_id, as text; day, as
-- text; version_sum, the sum of the versions of the day's hours now.
insert into {feed}.shipped_day as s (project_id, day, versions, version_sum)
select
    l.project_id,
    l.day,
    array(
        select case when h.n = any (l.hours) then :version else 0 end::bigint
        from generate_series(0, 23) as h (n)
        order by h.n
    ),
    cardinality(l.hours) * :version
from (
    select
        t.project_id,
        (t.bucket at time zone 'UTC')::date as day,
        array_agg(distinct extract(hour from t.bucket at time zone 'UTC')::integer) as hours
    from {feed}.to_ship t
    where (t.project_id, t.bucket) <= (:project_id, :bucket) and not t.unfit
    group by 1, 2
) as l
on conflict (project_id, day) do update
set (versions, version_sum) = (
    select array_agg(greatest(v.was, v.is_now) order by v.n), sum(greatest(v.was, v.is_now))
    from unnest(s.versions, excluded.versions) with ordinality as v (was, is_now, n)
)
returning s.project_id::text as project_id, s.day::text as day, s.version_sum

-- name: record-months
-- Adds up the days of the months of these hours, once record-shipped has recorded them. Sums aren't carried on from cycle to cycle: they are
-- those of the days whatever they were before.
-- Parameters: :project_id and :bucket, the last hour, timestamptz.
insert into {feed}.shipped_month as s (project_id, month, version_sum)
select m.project_id, m.month, d.version_sum
from (
    select distinct t.project_id, date_trunc('month', t.bucket at time zone 'UTC')::date as month
    from {feed}.to_ship t
    where (t.project_id, t.bucket) <= (:project_id, :bucket) and not t.unfit
) as m
cross join lateral (
    select sum(d.version_sum)::bigint as version_sum
    from {feed}.shipped_day d
    where d.project_id = m.project_id and d.day >= m.month and d.day < (m.month + interval '1 month')::date
) as d
on conflict (project_id, month) do update set version_sum = excluded.version_sum

-- name: delete-listed
-- Deletes the rows of the ship list up to an hour that this transaction's snapshot sees: the snapshot also sees the sums that they stand for.
-- Hours that were left out since they don't fit stay.
-- Parameters: :project_id and :bucket, the last hour, timestamptz.
delete from {feed}.to_ship t
where (t.project_id, t.bucket) <= (:project_id, :bucket)
    and (
        not t.unfit
        or exists (
            select
            from {feed}.to_ship changed
            where changed.project_id = t.project_id and changed.bucket = t.bucket and not changed.unfit
        )
    )

-- name: list-unfit
-- Puts an hour whose sums aren't bigint back into the ship list. Parameters: :project_id; :bucket, timestamptz.
insert into {feed}.to_ship (project_id, bucket, unfit) values (:project_id, :bucket, true)

-- name: changed-projects
-- The projects that are others than they were when they were shipped last; all of them if the store may have others. Parameter: :all.
-- Returns project_id and organisation_id, as text, null if it has none; counts; is_missing.
select project_id, organisation_id, counts, is_missing from ({projects-changed}) as c order by project_id

-- name: record-projects
-- Records them as shipped. Parameters: :version; :all, as for changed-projects.
insert into {feed}.shipped_project as s (project_id, organisation_id, counts, is_missing, version)
select project_id, organisation_id, counts, is_missing, :version from ({projects-changed}) as c
on conflict (project_id) do update
set
    organisation_id = excluded.organisation_id,
    counts = excluded.counts,
    is_missing = excluded.is_missing,
    version = excluded.version

-- name: projects-shipped
-- What proves that a store has all projects. Parameter: :from, the version from which on they were shipped. Returns versions, the sum over all
-- projects of how far the version of each is above the one before that.
select coalesce(sum(s.version - :from + 1), 0)::bigint as versions from {feed}.shipped_project s

-- fragment: projects-changed
-- The projects that are others than they were when they were shipped last, or all; without an organisation if the projects don't have them any
-- more, unless is_missing: retention has kept sums of it and whose it was.
--
-- Parameter: :all.
select
    coalesce(p.id, s.project_id) as project_id,
    p.organisation_id,
    coalesce(p.counts, false) as counts,
    coalesce(p.is_missing, false) as is_missing
from (
    select distinct on (id) id, organisation_id, counts, is_missing
    from (
        select
            p.{project.id}::text collate "C" as id,
            p.{project.organisation_id}::text as organisation_id,
            {project.counts} as counts,
            false as is_missing
        from {projects} p
        where p.{project.id} is not null
        union all
        select k.project_id::text, k.organisation_id, true, true
        from {rollups}.retained k
        where k.organisation_id is not null and not {feed.omits_missing} and {project-is-missing}
    ) as p
    order by id, organisation_id, counts
) as p
full join {feed}.shipped_project s on s.project_id = p.id
where :all::boolean
    or s.project_id is null
    or (p.organisation_id, coalesce(p.counts, false), coalesce(p.is_missing, false))
        is distinct from (s.organisation_id, s.counts, s.is_missing)

-- name: settled
-- Whether the sums that have been shipped are the state of this snapshot, as far as hours are rolled: no hour waits for being shipped or
-- re-rolled, every project is known, and none that counts is read from raw rows. Returns settled; covered_from and covered_before, between which
-- the hours of all projects are rolled, null for -infinity; cells_from and projects_from, from which versions on cells and projects count.
select
    {rollups}.is_intact({events.regclass}, {deliveries.regclass})
        and s.covered_before is not null
        and not exists (select from {feed}.to_ship)
        and not exists (select from {rollups}.mark)
        and not exists (select from {rollups}.changed_event)
        and not exists (
            select
            from {projects} p
            where p.{project.id} is not null
                and not exists (select from {rollups}.project known where known.project_id = p.{project.id})
        )
        and not exists (
            select
            from {projects} p
            join {rollups}.project known on known.project_id = p.{project.id}
            where p.{project.organisation_id} is not null and {project.counts} and {project.rolled_from} = 'infinity'
        )
        and not exists (
            select
            from {rollups}.orphan o
            cross join lateral (select from {events} e where e.{event.id} = o.event_id offset 0) as e
        ) as settled,
    (select nullif(max(p.covered_from), '-infinity') from {rollups}.project p) as covered_from,
    s.covered_before,
    f.cells_from,
    f.projects_from
from {rollups}.state s
cross join {feed}.state f

-- name: record-published
-- Records the version of the cycle that commits now, above the last one. Parameters: :version; :in_doubt, whether the store may still have projects
-- of an attempt that failed; :projects_from, the version from which on projects count.
update {feed}.state
set
    published = :version,
    published_at = clock_timestamp(),
    projects_in_doubt = :in_doubt,
    projects_from = greatest(projects_from, :projects_from)
where published < :version

-- name: feed-status
-- The state of the feed. Returns one row: intact, as feed-is-current; published; published_at, null if nothing is; hours_to_ship;
-- oldest_to_ship, null if there are none; read_at, the time of this read; shipped_days, by the statistics, since the manifest is large.
select
    exists (select from {feed}.state s where {feed-is-intact}) as intact,
    s.published,
    s.published_at,
    (select count(*) from (select distinct t.project_id, t.bucket from {feed}.to_ship t) as t) as hours_to_ship,
    (select min(t.since) from {feed}.to_ship t) as oldest_to_ship,
    now() as read_at,
    (select greatest(c.reltuples, 0)::bigint from pg_class c where c.oid = '{feed}.shipped_day'::regclass) as shipped_days
from {feed}.state s

-- name: shipped-months
-- Months of projects after a place in the manifest, without those in which something is to be shipped, and the sums that the store is to have.
-- Parameters: :after_project and :after_month, the place, or null for the start; :months, at most so many.
-- Returns, by project and month: project_id, as text; month, its first day, and next_month, as text; listed, whether something in it is to
-- be shipped; published; days, how many the manifest has; versions, their sum; received_volume, received_bytes, sent_volume, sent_bytes,
-- unmeasured, lost_sizes, bigint, 0 if listed.
select
    m.project_id::text as project_id,
    m.month::text as month,
    (m.month + interval '1 month')::date::text as next_month,
    l.listed,
    (select s.published from {feed}.state s) as published,
    m.days,
    m.versions,
    u.received_volume,
    u.received_bytes,
    u.sent_volume,
    u.sent_bytes,
    u.unmeasured,
    u.lost_sizes
from (
    select
        s.project_id,
        date_trunc('month', s.day::timestamp)::date as month,
        count(*) as days,
        sum(s.version_sum)::bigint as versions
    from {feed}.shipped_day s
    where {months-after}
    group by 1, 2
    order by 1, 2
    limit :months
) as m
cross join lateral (
    select
        m.month::timestamp at time zone 'UTC' as lower,
        (m.month + interval '1 month') at time zone 'UTC' as upper
) as b
cross join lateral (
    select exists (
        select from {feed}.to_ship t where t.project_id = m.project_id and t.bucket >= b.lower and t.bucket < b.upper
    ) as listed
) as l
cross join lateral (
    select
        coalesce(sum(h.received_volume), 0)::bigint as received_volume,
        coalesce(sum(h.received_bytes), 0)::bigint as received_bytes,
        coalesce(sum(h.sent_volume), 0)::bigint as sent_volume,
        coalesce(sum(h.sent_bytes), 0)::bigint as sent_bytes,
        coalesce(sum(h.unmeasured), 0)::bigint as unmeasured,
        coalesce(sum(h.lost_sizes), 0)::bigint as lost_sizes
    from (
        select r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes, r.unmeasured, r.lost_sizes
        from {rollups}.rollup r
        where not l.listed and r.project_id = m.project_id and r.bucket >= b.lower and r.bucket < b.upper
        union all
        select r.received_volume, r.received_bytes, r.sent_volume, r.sent_bytes, r.unmeasured, r.lost_sizes
        from {rollups}.retained r
        where not l.listed and r.project_id = m.project_id and r.quarter >= b.lower and r.quarter < b.upper
    ) as h
) as u
order by m.project_id, m.month

-- name: unlisted-months
-- Months in which hours have sums, but no version in the manifest, and aren't to be shipped: no figure asks the store for them, or reads them
-- elsewhere. Reads all sums.
-- Returns, by project and month: project_id, as text; month, its first day, and next_month, as text.
select
    u.project_id::text as project_id,
    u.month::text as month,
    (u.month + interval '1 month')::date::text as next_month
from (
    select distinct h.project_id, date_trunc('month', h.bucket at time zone 'UTC')::date as month
    from (
        select r.project_id, r.bucket from {rollups}.rollup r
        union all
        select r.project_id, date_trunc('hour', r.quarter, 'UTC') from {rollups}.retained r
    ) as h
    where h.bucket >= {feed.from} and h.bucket < {feed.before}
        and not exists (
            select from {feed}.shipped_day s
            where s.project_id = h.project_id
                and s.day = (h.bucket at time zone 'UTC')::date
                and s.versions[1 + extract(hour from h.bucket at time zone 'UTC')::integer] > 0
        )
        and not exists (select from {feed}.to_ship t where t.project_id = h.project_id and t.bucket = h.bucket)
) as u
order by u.project_id, u.month

-- fragment: months-after-place
-- Condition: the days s of later months than a place.
--
-- Parameters: :after_project; :after_month, as text.
(s.project_id, s.day) >= (:after_project, (:after_month::date + interval '1 month')::date)

-- fragment: month-of-place
-- Condition: the days s of the month of a place.
--
-- Parameters: :after_project; :after_month, as text.
s.project_id = :after_project and s.day >= :after_month::date and s.day < (:after_month::date + interval '1 month')::date

-- fragment: feed-is-intact
-- Condition: the row s of the feed's state is of this version, of the roll-ups' tables of today and of their triggers as they are.
s.version = {feed.version} and s.relations = {feed.relations} and s.triggers = {feed.triggers}

-- fragment: shipped-of-window
-- The relations of shipped-days for the projects of a window, and part, what is rolled of their rest.
--
-- Parameters: :start, :end.
{shipped-days}

part as materialized (
    select p.id, greatest(u.lower, p.rolled_from) as rolled_from, least(u.upper, p.rolled_to) as rolled_to
    from unshipped u
    join project p on p.id = u.id and p.rolled_from < u.upper and p.rolled_to > u.lower
),

-- fragment: shipped-of-slices
-- The relations of shipped-days for the projects of a series, and unshipped_part, the rest by slice. Of a day that an edge of a slice divides within
-- an hour, nothing is left to the store, whose cells are hours.
--
-- Parameters: :start, :end.
whole as materialized (
    select
        id,
        coalesce(min(rolled_from) filter (where rolled_from < rolled_to), :end::timestamptz) as rolled_from,
        coalesce(max(rolled_to) filter (where rolled_from < rolled_to), :end::timestamptz) as rolled_to
    from part
    group by id
),

{shipped-days}

unshipped_part as materialized (
    select
        p.id,
        p.n,
        greatest(u.lower, p.lower) as lower,
        least(u.upper, p.upper) as upper,
        greatest(u.lower, p.rolled_from) as rolled_from,
        least(u.upper, p.rolled_to) as rolled_to
    from unshipped u
    join part p on p.id = u.id and p.lower < u.upper and p.upper > u.lower
),

shipped_project as materialized (
    select
        s.id,
        array_agg((s.lower at time zone 'UTC')::date::text order by s.lower) as days_from,
        array_agg((s.upper at time zone 'UTC')::date::text order by s.lower) as days_to,
        sum(s.versions)::bigint as versions
    from shipped s
    where s.versions > 0
    group by s.id
),

-- fragment: days-divided-within-an-hour
-- Days of projects that an edge of a slice divides within an hour, besides others.
union
select d.id, date_trunc('day', s.lower, 'UTC')
from rolled_days d
join slice s on s.lower < s.first_hour and s.lower >= d.lower and s.lower < d.upper

-- fragment: shipped-days
-- Relations that divide a window: shipped, the days that are left to the store, and unshipped, the rest. The days of
-- shipped are rolled, nothing in them has changed since or is to be shipped; versions is the sum that the store is to have of them, and of those
-- without any there is nothing to read. Nothing is left to the store if the ship list isn't complete. {rolled-projects} are the projects and what is
-- rolled of the window, and marked the hours that have changed since.
--
-- Parameters: :start, :end.
feed as materialized (
    select s.published from {feed}.state s where {feed-is-intact}
),

rolled_days as materialized (
    select id, lower, upper
    from (
        select
            p.id,
            greatest(
                date_trunc('day', p.rolled_from + interval '24 hours' - interval '1 microsecond', 'UTC'), {feed.from}
            ) as lower,
            least(date_trunc('day', p.rolled_to, 'UTC'), {feed.before}) as upper
        from {rolled-projects} p
        where exists (select from feed)
    ) as p
    where lower < upper
),

changed_day as materialized (
    select d.id, date_trunc('day', m.bucket, 'UTC') as day
    from rolled_days d
    join marked m on m.project_id = d.id and m.bucket >= d.lower and m.bucket < d.upper
    union
    select d.id, date_trunc('day', t.bucket, 'UTC')
    from rolled_days d
    cross join lateral (
        select t.bucket
        from {feed}.to_ship t
        where t.project_id = d.id and t.bucket >= d.lower and t.bucket < d.upper
        offset 0
    ) as t
    {divided-days}
),

shipped as materialized (
    select r.id, r.lower, r.upper, v.versions
    from (
        select
            id,
            lower,
            upper,
            (lower at time zone 'UTC')::date as first_day,
            (upper at time zone 'UTC')::date as end_day,
            (date_trunc('month', lower at time zone 'UTC' - interval '1 day') + interval '1 month')::date as first_month,
            date_trunc('month', upper at time zone 'UTC')::date as end_month
        from (
            select
                d.id,
                coalesce(lag(e.day) over (partition by d.id order by e.day) + interval '24 hours', d.lower) as lower,
                e.day as upper
            from rolled_days d
            join (
                select id, day from changed_day
                union all
                select id, upper from rolled_days
            ) as e on e.id = d.id
        ) as r
        where lower < upper
    ) as r
    cross join lateral (
        select coalesce(sum(s.version_sum), 0)::bigint as versions
        from ({shipped-of-range}) as s
        offset 0
    ) as v
),

unshipped as materialized (
    select id, lower, upper
    from (
        select p.id, :start::timestamptz as lower, coalesce(d.lower, :end::timestamptz) as upper
        from {rolled-projects} p
        left join rolled_days d on d.id = p.id
        union all
        select id, upper, :end from rolled_days
        union all
        select id, day, day + interval '24 hours' from changed_day
    ) as u
    where lower < upper
),

-- fragment: shipped-of-range
-- The manifest's sums of the days [first_day, end_day) of a range r: of the whole months in it, [first_month, end_month), of the days before
-- them, and of those after them. first_month, the first that begins in the range or after it, is after end_month, that of end_day, if the range is
-- within a month.
select s.version_sum
from {feed}.shipped_month s
where r.first_month < r.end_month and s.project_id = r.id and s.month >= r.first_month and s.month < r.end_month
union all
select s.version_sum
from {feed}.shipped_day s
where r.first_day < r.first_month
    and s.project_id = r.id
    and s.day >= r.first_day
    and s.day < least(r.first_month, r.end_day)
union all
select s.version_sum
from {feed}.shipped_day s
where r.first_month <= r.end_month
    and r.end_month < r.end_day
    and s.project_id = r.id
    and s.day >= r.end_month
    and s.day < r.end_day

-- fragment: requested-unshipped
-- The part of the window whose retained sums are read: the store has the others.
select u.id as project_id, u.lower, u.upper from unshipped u

-- fragment: shipped-columns-of-window
-- The days that are left to the store, and their version, null if the ship list isn't complete: arrays of the same length, in the same order.
,
    (select f.published from feed f) as published,
    array(select s.id::text from shipped s where s.versions > 0 order by s.id, s.lower) as shipped_projects,
    array(
        select (s.lower at time zone 'UTC')::date::text from shipped s where s.versions > 0 order by s.id, s.lower
    ) as shipped_from,
    array(
        select (s.upper at time zone 'UTC')::date::text from shipped s where s.versions > 0 order by s.id, s.lower
    ) as shipped_to,
    array(select s.versions::text from shipped s where s.versions > 0 order by s.id, s.lower) as shipped_versions

-- fragment: shipped-columns-of-project
-- Of a project the days that are left to the store, arrays of the same length, and the sum of the versions that the store is to have of them, null if there
-- are none; and their version, null if the ship list isn't complete.
,
    (select f.published from feed f) as published,
    shipped_project.days_from as shipped_from,
    shipped_project.days_to as shipped_to,
    shipped_project.versions as shipped_versions

-- fragment: join-shipped-project
-- Joins the days of a project that are left to the store.
left join shipped_project on shipped_project.id = project.id
