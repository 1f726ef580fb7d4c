-- Statements that keep roll-ups up to date, for the worker, in the order of its work. A step is one REPEATABLE READ transaction:
-- it locks the tables, counts itself, chooses ranges of hours, rolls them, and records how far the roll-ups are.

-- name: acquire-worker-lock
-- Takes the workers' advisory lock until the end of the transaction, unless another one holds it.
-- Parameter: :schema, the roll-ups' schema, quoted. Returns answer, whether it was taken.
select pg_try_advisory_xact_lock(hashtextextended('usagekit roll-ups in ' || :schema, 0)) as answer

-- name: covered-before
-- Returns covered_before: hours before it are rolled; null if none are.
select covered_before from {rollups}.state

-- name: publish-watermark
-- Raises the watermark: from now on changes of rows older than it leave a dirty mark. It never falls. Others see it at once,
-- before this transaction ends.
-- Parameter: :mark_before, timestamptz. Returns seconds, the watermark in seconds since 1970.
select setval(
    {mark_before}::regclass,
    greatest(
        coalesce(pg_sequence_last_value({mark_before}::regclass), -62135596800),
        extract(epoch from :mark_before::timestamptz)::bigint
    ),
    true
) as seconds

-- name: writers
-- The transactions that write to the host's tables or their partitions: those that hold RowExclusiveLock on one. Prepared
-- transactions, which have no process, are among them.
-- Parameters: :events, :deliveries, quoted.
-- Returns: id, the virtual transaction; prepared, whether it is prepared; name, for messages: its process, or that it is prepared.
with recursive host_table as (
    select to_regclass(:events)::oid as oid
    union
    select to_regclass(:deliveries)::oid
    union
    select i.inhrelid from host_table h join pg_catalog.pg_inherits i on i.inhparent = h.oid
)

select
    l.virtualtransaction as id,
    bool_or(l.pid is null) as prepared,
    coalesce('process ' || min(l.pid), 'a prepared transaction') as name
from pg_catalog.pg_locks l
join host_table h on h.oid = l.relation
where l.locktype = 'relation'
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and l.mode = 'RowExclusiveLock'
    and l.granted
    and l.pid is distinct from pg_backend_pid()
group by l.virtualtransaction
order by l.virtualtransaction

-- name: lock-tables
-- The first statement of a step: a session that empties or drops a table commits before the step or waits for its end, without a
-- deadlock. It takes no snapshot yet.
lock table {events}, {deliveries} in access share mode

-- name: lock-parents
-- The same for partitioned tables: partitions are locked when they are read.
lock table only {events}, only {deliveries} in access share mode

-- name: are-tables-rewritten
-- Whether a table that this transaction has read was rewritten or emptied between its snapshot and its lock: then its rows are invisible
-- in the snapshot. The catalog's row is that of the snapshot, the function's answer the newest. Returns answer.
select exists (
    select
    from pg_catalog.pg_locks l
    cross join lateral (
        select c.relfilenode
        from pg_catalog.pg_class c
        where c.oid = l.relation and c.relkind = 'r' and c.relfilenode <> 0
        offset 0
    ) as c
    where l.pid = pg_backend_pid()
        and l.locktype = 'relation'
        and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
        and c.relfilenode <> pg_relation_filenode(l.relation)
) as answer

-- name: are-partitions-of-chunk-rewritten
-- The same where the transaction has read the rows of one chunk only, and has found the events of all of its deliveries: of the recorded partitions
-- that may hold its rows. So it doesn't look at the locks of all sessions, which takes longer the more of them the server has room for. A partition
-- that isn't recorded yet will be, and then the hours of its rows are marked.
-- Parameters: :rows_lower and :rows_upper, as text. Returns answer.
select exists (
    select
    from {rollups}.host_table h
    cross join lateral (
        select p.relation
        from {rollups}.partition p
        where p.role = h.role
            and lower(p.times) < :rows_upper::timestamptz
            and lower(p.times) >= coalesce(
                (
                    select lower(b.times)
                    from {rollups}.partition b
                    where b.role = h.role and lower(b.times) <= :rows_lower::timestamptz
                    order by lower(b.times) desc
                    limit 1
                ),
                '-infinity'
            )
        union all
        select p.relation
        from {rollups}.partition p
        where p.role = h.role and lower(p.times) is null
        offset 0
    ) as p
    join pg_catalog.pg_class c on c.oid = p.relation
    where c.relfilenode <> pg_relation_filenode(p.relation)
) as answer

-- name: lock-state
-- Lets one step run at a time, in whatever session: the next one waits here, and takes its snapshot when this one has committed. Takes no
-- snapshot itself.
lock table {rollups}.state in share update exclusive mode

-- name: count-step
-- Counts a step. Fails with 40001 if another transaction has changed the state since the step's snapshot.
-- Returns covered_before, null if nothing is rolled; backend, the server's process that runs this statement; transaction, the step's id, and
-- previous, that of the transaction that changed the state before, as text.
update {rollups}.state set steps = steps + 1
returning
    covered_before,
    pg_backend_pid() as backend,
    pg_current_xact_id()::xid::text as transaction,
    (select s.xmin::text from {rollups}.state s) as previous

-- name: backend
-- Returns backend, the server's process that runs this statement.
select pg_backend_pid() as backend

-- name: choose-new-hours
-- The ranges of an advance to :upper: every project's hours since the last advance.
-- Parameter: :upper, timestamptz, a whole hour.
insert into {rollups}.span (project_id, lower, upper)
select p.project_id, s.covered_before, :upper
from {rollups}.state s, {rollups}.project p
where s.covered_before < :upper

-- name: choose-dirty-hours
-- The ranges of a re-roll: at most :buckets hours with a dirty mark. Hours that aren't rolled yet are among them; their marks are
-- deleted by drop-unrolled-ranges.
-- Parameter: :buckets. Returns buckets, how many there are.
with marked as (
    select distinct project_id, bucket
    from {rollups}.mark
    order by project_id, bucket
    limit :buckets
),

inserted as (
    insert into {rollups}.span (project_id, lower, upper)
    select project_id, bucket, bucket + interval '1 hour'
    from marked
)

select count(*) as buckets from marked

-- name: history-before
-- Returns before: all history that isn't rolled was before it, as text; null if there is none.
select max(covered_from)::text as before from {rollups}.project where covered_from > '-infinity'

-- name: has-marks-before
-- Whether hours before :before are marked: a row was written there, or changed. Parameter: :before, timestamptz as text. Returns answer.
select exists (select from {rollups}.mark where bucket < :before::timestamptz) as answer

-- name: choose-history
-- The ranges of a back-fill: of those projects (at most 50) that are back-filled the least, the hours from :history_lower on that hold
-- about :rows events and as many deliveries between them; whole hours, at least one.
-- Parameters: :rows, bigint; :history_lower, as text; those of the fragments {events-in-chunk} and {deliveries-in-chunk}, between which all
-- rows from :history_lower on are.
insert into {rollups}.span (project_id, lower, upper)
with chosen as (
    select project_id, covered_from
    from {rollups}.project
    where covered_from > :history_lower::timestamptz
    order by covered_from desc, project_id
    limit 50
),

share as (
    select greatest(1, :rows::bigint / greatest(1, count(*))) as rows from chosen
)

select
    c.project_id,
    greatest(:history_lower::timestamptz, date_trunc('hour', greatest(event.created_at, delivery.created_at), 'UTC')),
    c.covered_from
from chosen c
left join lateral (
    select e.{event.created_at} as created_at
    from {events} e
    where e.{event.project_id} = c.project_id and e.{event.created_at} < c.covered_from {events-in-chunk}
    order by e.{event.created_at} desc
    limit 1 offset (select rows - 1 from share)
) as event on true
left join lateral (
    select d.{delivery.created_at} as created_at
    from {deliveries} d
    where d.{delivery.project_id} = c.project_id
        and d.{delivery.created_at} < c.covered_from
        and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
    order by d.{delivery.created_at} desc
    limit 1 offset (select rows - 1 from share)
) as delivery on true

-- name: drop-unrolled-ranges
-- Deletes the ranges that aren't rolled yet, and the marks of their hours that this transaction's snapshot sees: the step that
-- rolls those hours has a later snapshot.
with dropped as (
    delete from {rollups}.span s
    where not exists (
        select
        from {rollups}.state, {rollups}.project p
        where p.project_id = s.project_id and p.covered_from <= s.lower and s.upper <= state.covered_before
    )
    returning project_id, lower, upper
)

delete from {rollups}.mark
where ctid = any (array(
    select m.ctid
    from dropped d
    cross join lateral (
        select m.ctid
        from {rollups}.mark m
        where m.project_id = d.project_id and m.bucket >= d.lower and m.bucket < d.upper
        offset 0
    ) as m
))

-- name: delete-sums
-- Deletes the sums of the ranges. The place of each is found by the index: the ranges have just been written, and have no statistics.
delete from {rollups}.rollup
where ctid = any (array(
    select r.ctid
    from {rollups}.span s
    cross join lateral (
        select r.ctid
        from {rollups}.rollup r
        where r.project_id = s.project_id and r.bucket >= s.lower and r.bucket < s.upper
        offset 0
    ) as r
))

-- name: delete-orphans
-- Deletes the orphans of the ranges: rolled deliveries whose event was missing.
delete from {rollups}.orphan
where ctid = any (array(
    select o.ctid
    from {rollups}.span s
    cross join lateral (
        select o.ctid
        from {rollups}.orphan o
        where o.project_id = s.project_id and o.bucket >= s.lower and o.bucket < s.upper
        offset 0
    ) as o
))

-- name: chunks
-- The ranges in chunks, for each of which the planner leaves out most partitions: ranges that are a day apart are in different chunks, and
-- so are those of different projects if {by-project} and these are fewer than the partitions.
-- Parameters: :filled_lower and :filled_upper, as text, between which all rows of the ranges are.
-- Returns, as text: project_id, null for all of them; lower and upper, between which the ranges are; rows_lower and rows_upper, between
-- which their rows are; beside_lower and beside_upper, between which the events of their deliveries are looked up first; near_lower and
-- near_upper, between which they are looked up next.
with spread as (
    select
        {by-project} and (select count(distinct project_id) from {rollups}.span) * 2 <= (select count(*) from {rollups}.partition)
        as by_project
),

span as (
    select case when spread.by_project then s.project_id::text end as project_id, s.lower, s.upper
    from spread
    cross join {rollups}.span s
),

apart as (
    select
        project_id,
        lower,
        upper,
        lower - interval '1 day' > max(upper) over (
            partition by project_id order by lower, upper rows between unbounded preceding and 1 preceding
        ) as is_apart
    from span
),

numbered as (
    select
        project_id,
        lower,
        upper,
        count(*) filter (where is_apart) over (partition by project_id order by lower, upper) as n
    from apart
),

chunk as (
    select
        project_id,
        n,
        min(lower) as lower,
        max(upper) as upper,
        greatest(min(lower), :filled_lower::timestamptz) as rows_lower,
        least(max(upper), :filled_upper::timestamptz) as rows_upper
    from numbered
    group by project_id, n
)

select
    project_id,
    lower::text as lower,
    upper::text as upper,
    rows_lower::text as rows_lower,
    rows_upper::text as rows_upper,
    (rows_lower - interval '1 hour')::text as beside_lower,
    (rows_upper + interval '1 minute')::text as beside_upper,
    (rows_lower - interval '7 days')::text as near_lower,
    (rows_upper + interval '1 day')::text as near_upper
from chunk
order by project_id, n

-- name: roll
-- Sums up the raw rows of the ranges by project and hour, and records deliveries whose event is missing as orphans, and how far from their
-- deliveries the other events are. Each range is looked
-- up by the index, and each event by its id: the ranges have just been written, and have no statistics. Sums are inserted in the order in which
-- figures read them, so that these find them in few blocks before a VACUUM, too.
-- Parameters: those of the fragments {span-in-chunk}, {events-in-chunk}, {deliveries-in-chunk} and {event-of-delivery}.
with received as (
    select
        s.project_id,
        date_trunc('hour', e.created_at, 'UTC') as bucket,
        count(*) as volume,
        sum(e.octets) as bytes,
        count(*) filter (where e.octets is null) as unmeasured,
        count(*) filter (where e.lost) as lost_sizes
    from {rollups}.span s
    cross join lateral (
        select e.{event.created_at} as created_at, {event.octets} as octets, {event.lost} as lost
        from {events} e
        where e.{event.project_id} = s.project_id
            and e.{event.created_at} >= s.lower
            and e.{event.created_at} < s.upper
            and {event.live} {events-in-chunk}
        offset 0
    ) as e
    where {span-in-chunk}
    group by 1, 2
),

delivery as materialized (
    select
        s.project_id,
        date_trunc('hour', delivery.created_at, 'UTC') as bucket,
        delivery.event_id,
        e.{event.id} is not null as has_event,
        delivery.created_at,
        case when isfinite(e.{event.created_at}) then e.{event.created_at}{event.at_utc} end as event_created_at,
        {delivery.octets_by_id} as octets,
        {delivery.lost_by_id} as lost
    from {rollups}.span s
    cross join lateral (
        select d.{delivery.event_id} as event_id, d.{delivery.created_at} as created_at, {delivery.size} as size
        from {deliveries} d
        where d.{delivery.project_id} = s.project_id
            and d.{delivery.created_at} >= s.lower
            and d.{delivery.created_at} < s.upper
            and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
        offset 0
    ) as delivery
    left join lateral ({event-of-delivery}) as e on true
    where {span-in-chunk}
),

sent as (
    select
        project_id,
        bucket,
        count(*) as volume,
        sum(octets) as bytes,
        count(*) filter (where has_event and octets is null) as unmeasured,
        count(*) filter (where lost) as lost_sizes
    from delivery
    group by project_id, bucket
),

recorded as (
    insert into {rollups}.orphan (project_id, bucket, event_id)
    select distinct project_id, bucket, event_id
    from delivery
    where not has_event and event_id is not null
),

-- An event without a time that can be compared is of any time.
reached as (
    update {rollups}.state s
    set event_age = greatest(s.event_age, d.age), event_delay = greatest(s.event_delay, d.delay)
    from (
        select
            max(created_at - coalesce(event_created_at, '0001-01-01Z')) as age,
            max(event_created_at - created_at) as delay
        from delivery
        where has_event
    ) as d
    where d.age > s.event_age or d.delay > s.event_delay
)

insert into {rollups}.rollup
    (project_id, bucket, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes)
select
    project_id,
    bucket,
    coalesce(received.volume, 0),
    coalesce(received.bytes, 0),
    coalesce(sent.volume, 0),
    coalesce(sent.bytes, 0),
    coalesce(received.unmeasured, 0) + coalesce(sent.unmeasured, 0),
    coalesce(received.lost_sizes, 0) + coalesce(sent.lost_sizes, 0)
from received
full join sent using (project_id, bucket)
order by project_id, bucket

-- fragment: span-of-chunk
-- Condition: a range s belongs to the chunk.
--
-- Parameters: :lower and :upper, as text.
s.lower >= :lower::timestamptz and s.upper <= :upper::timestamptz

-- fragment: span-of-project
-- Condition: the same where a chunk is of one project.
--
-- Parameter: :project_id, as text.
and s.project_id = :project_id

-- fragment: event-of-chunk
-- Condition of events in a table that is partitioned by time.
--
-- Parameters: :rows_lower and :rows_upper, as text.
and e.{event.created_at} >= :rows_lower::timestamptz{event.at_utc}
            and e.{event.created_at} < :rows_upper::timestamptz{event.at_utc}

-- fragment: event-of-project
-- Condition of events in a table that is partitioned by project.
--
-- Parameter: :project_id, as text.
and e.{event.project_id} = :project_id

-- fragment: delivery-of-chunk
-- Condition of deliveries in a table that is partitioned by time.
--
-- Parameters: :rows_lower and :rows_upper, as text.
and d.{delivery.created_at} >= :rows_lower::timestamptz{delivery.at_utc}
            and d.{delivery.created_at} < :rows_upper::timestamptz{delivery.at_utc}

-- fragment: delivery-of-project
-- Condition of deliveries in a table that is partitioned by project.
--
-- Parameter: :project_id, as text.
and d.{delivery.project_id} = :project_id

-- fragment: event-by-id
-- The event of a delivery.
select e.*
from {events} e
where e.{event.id} = delivery.event_id
offset 0

-- fragment: event-by-id-and-place
-- The event of a delivery, in the partitions where it is most likely, and in others if it isn't there.
select e.*
from (
    (
        select e.*
        from {events} e
        where e.{event.id} = delivery.event_id {event-of-same-project} {event-beside}
        offset 0
    ) {event-near-by-id} {event-elsewhere-by-id}
) as e
limit 1

-- fragment: event-of-span
-- Condition of events in a table that is partitioned by project: those of the delivery's.
and e.{event.project_id} = s.project_id

-- fragment: event-beside-delivery
-- Condition of events in a table that is partitioned by time: they were created just before their delivery.
--
-- Parameters: those of the fragment {event-beside-chunk}.
and e.{event.created_at} >= delivery.created_at - interval '1 hour'
            and e.{event.created_at} < delivery.created_at + interval '1 minute' {event-beside-chunk}

-- fragment: event-beside-chunk
-- Condition of events in a table that is partitioned by time: they were created just before a delivery of the chunk. So the planner leaves out all
-- partitions but one or two.
--
-- Parameters: :beside_lower and :beside_upper, as text.
and e.{event.created_at} >= :beside_lower::timestamptz{event.at_utc}
            and e.{event.created_at} < :beside_upper::timestamptz{event.at_utc}

-- fragment: event-of-days
-- Condition of events in a table that is partitioned by time: they were created in the days before the deliveries of the chunk.
--
-- Parameters: :near_lower and :near_upper, as text.
and e.{event.created_at} >= :near_lower::timestamptz{event.at_utc}
            and e.{event.created_at} < :near_upper::timestamptz{event.at_utc}

-- fragment: or-event-of-days
-- The event of a delivery that wasn't created just before it.
union all
    (
        select e.*
        from {events} e
        where e.{event.id} = delivery.event_id {event-of-same-project} {event-of-days}
        offset 0
    )

-- fragment: or-event-elsewhere
-- The event of a delivery that is in any other partition.
union all
    ({event-by-id})

-- name: has-orphans
-- Whether a delivery of the ranges has no event where roll has looked for it. Returns answer.
select exists (
    select
    from {rollups}.span s
    cross join lateral (
        select
        from {rollups}.orphan o
        where o.project_id = s.project_id and o.bucket >= s.lower and o.bucket < s.upper
        limit 1
    ) as o
) as answer

-- name: are-events-elsewhere
-- Whether an orphan of the ranges has an event after all, in a partition that roll has left out. Returns answer.
select exists (
    select
    from {events} e
    where e.{event.id} = any (array(
        select distinct o.event_id
        from {rollups}.span s
        cross join lateral (
            select o.event_id
            from {rollups}.orphan o
            where o.project_id = s.project_id and o.bucket >= s.lower and o.bucket < s.upper
            offset 0
        ) as o
    ))
) as answer

-- name: delete-marks
-- Deletes the dirty marks of the ranges that this transaction's snapshot sees: the snapshot also sees the changes that they stand
-- for.
delete from {rollups}.mark
where ctid = any (array(
    select m.ctid
    from {rollups}.span s
    cross join lateral (
        select m.ctid
        from {rollups}.mark m
        where m.project_id = s.project_id and m.bucket >= s.lower and m.bucket < s.upper
        offset 0
    ) as m
))

-- name: set-covered-before
-- Records that hours before :upper are rolled. Parameter: :upper, timestamptz.
update {rollups}.state set covered_before = :upper

-- name: set-covered-from
-- Records that the projects of the ranges are rolled back to the ranges' lower ends.
update {rollups}.project p set covered_from = s.lower
from {rollups}.span s
where s.project_id = p.project_id

-- name: clear-ranges
-- Deletes the ranges: they are rolled.
delete from {rollups}.span

-- name: add-projects
-- Adds the projects that have been created since: rolled from covered_before on, and read live before it until they are
-- back-filled.
insert into {rollups}.project (project_id, covered_from)
select p.{project.id}, s.covered_before
from {rollups}.state s, {projects} p
where s.covered_before is not null
    and p.{project.id} is not null
    and not exists (select from {rollups}.project known where known.project_id = p.{project.id})

-- name: has-changed-events
-- Whether the change log has rows. Returns answer.
select exists (select from {rollups}.changed_event) as answer

-- name: mark-changed-deliveries
-- Takes at most :events rows out of the change log and marks the hours of those events' deliveries, in one snapshot. Deliveries
-- that it doesn't see are rolled by a later step, which sees the change, or were marked by their own transaction.
-- Parameter: :events. Returns events, how many rows of the change log it took.
with taken as materialized (
    delete from {rollups}.changed_event
    where ctid in (select ctid from {rollups}.changed_event limit :events)
    returning event_id
),

marked as (
    insert into {rollups}.mark (project_id, bucket)
    select distinct d.project_id, date_trunc('hour', d.created_at, 'UTC')
    from {rollups}.state, (select distinct event_id from taken) as changed
    cross join lateral ({changed-deliveries}) as d
    where d.project_id is not null and d.created_at < state.covered_before
)

select count(*) as events from taken

-- name: has-orphans-after
-- Whether there are orphans with an id above :after. Returns answer.
select exists (select from {rollups}.orphan where id > :after) as answer

-- name: mark-late-events
-- Looks at :orphans orphans with an id above :after, and marks the hours of those whose event has arrived late.
-- Parameters: :after, :orphans. Returns last, the id of the last orphan that it looked at, or 0 if there are no more.
with looked_at as materialized (
    select id, project_id, bucket, event_id
    from {rollups}.orphan
    where id > :after
    order by id
    limit :orphans
),

arrived as materialized (
    select e.{event.id} as id
    from {events} e
    where e.{event.id} = any (array(select distinct event_id from looked_at))
),

marked as (
    insert into {rollups}.mark (project_id, bucket)
    select distinct project_id, bucket
    from looked_at
    where event_id in (select id from arrived)
)

select case when count(*) < :orphans::bigint then 0 else max(id) end as last
from looked_at

-- name: reset-state
-- Records that no hour is rolled.
update {rollups}.state set covered_before = null, event_age = '0', event_delay = '0'

-- name: reset-projects
-- Records that no project is rolled.
delete from {rollups}.project

-- name: delete-reset-requests
-- Deletes the reset requests that this transaction's snapshot sees. A transaction that it doesn't see is waited for before the next hour
-- is rolled, or its request remains.
delete from {rollups}.reset_request

-- name: record-relations
-- Records which tables have the triggers now. Parameter: :roles, text[], of events and deliveries.
update {rollups}.host_table
set
    relation = case role when 'events' then {events.regclass} else {deliveries.regclass} end,
    relation_oid = case role when 'events' then {events.regclass} else {deliveries.regclass} end::oid
where role = any (:roles)

-- name: record-retained-relations
-- Records that the retained sums are of rows that were deleted from the tables that have the triggers now. Parameter: :roles, text[], of
-- events and deliveries.
update {rollups}.host_table set retained_oid = relation::oid where role = any (:roles)

-- name: record-own-tables
-- Records that the rows of these roll-ups belong to the tables that they are in.
update {rollups}.state set own_tables = {own_tables}, place = {rollups}.place()

-- name: delete-partitions
-- Deletes what is recorded of the tables' partitions. Parameter: :roles, text[], of events and deliveries.
delete from {rollups}.partition where role = any (:roles)

-- name: record-partitions
-- Records the tables below tables. Parameter: :roles, text[], of events and deliveries.
insert into {rollups}.partition (role, relation, attached, filenode, expressions, times)
select n.role, n.relation, n.attached, case when not n.is_guarded then n.filenode end, n.expressions, n.times
from {rollups}.partition_now n
where n.role = any (:roles)

-- name: record-guarded-partitions
-- Records which partitions have their own trigger on TRUNCATE by now, if none of these has been emptied before.
update {rollups}.partition p set filenode = null
from {rollups}.partition_now n
where n.role = p.role and n.relation = p.relation and n.attached = p.attached and n.is_guarded and n.filenode = p.filenode

-- name: record-parents
-- Records the partitioned tables below tables, and the functions of their triggers. Parameter: :roles, text[], of events and deliveries.
update {rollups}.host_table h
set parents = {rollups}.parents(h.relation), functions = {functions}
where h.role = any (:roles)

-- name: record-catalog-rows
-- Records the versions of the catalog's rows of each table's triggers, mapped columns and partitions, if triggers and columns are defined
-- as they were when the triggers were created, and all recorded partitions are tracked; changes no row of other tables. Parameter: :roles,
-- text[], of events and deliveries.
update {rollups}.host_table h
set catalog_rows = n.catalog_rows, partitions_digest = n.partitions_digest
from {rollups}.host_table_now n
where h.role = any (:roles)
    and n.role = h.role
    and n.is_permanent
    and not exists (
        select
        from {rollups}.partition p
        join pg_catalog.pg_class c on c.oid = p.relation
        where p.role = h.role and not (c.relispartition and c.relkind in ('r', 'p') and c.relpersistence = 'p')
    )
    and h.definition = {rollups}.describe(h.relation, h.columns)

-- name: forget-catalog-rows
-- Records that tables aren't as they were when the triggers were created: no rolled hour of them is used until they are recorded again, or the
-- triggers are created again. Parameter: :roles, text[], of events and deliveries.
update {rollups}.host_table set catalog_rows = array[]::xid[] where role = any (:roles)

-- name: has-only-new-partitions
-- Whether nothing differs from what was recorded of tables and triggers but partitions that are new. Returns answer.
select
    (
        select bool_and(
            h.catalog_rows = n.catalog_rows
            and n.is_permanent
            and n.is_recorded
            and h.relation_oid = h.relation::oid
            and h.relation = case h.role when 'events' then {events.regclass} else {deliveries.regclass} end
        )
        from {rollups}.host_table h
        join {rollups}.host_table_now n on n.role = h.role
    )
    and (
        select (extract(epoch from s.covered_before) <= pg_sequence_last_value({mark_before}::regclass)) is not false
            and s.own_tables = {own_tables}
        from {rollups}.state s
    )
    and not exists (select from {rollups}.partition_now p where not p.is_tracked)
    and not exists (
        select
        from {rollups}.partition p
        where not exists (
            select from {rollups}.partition_now n
            where n.role = p.role
                and n.relation = p.relation
                and n.attached = p.attached
                and (p.filenode is null or n.filenode = p.filenode)
        )
    ) as answer

-- name: new-partitions
-- The partitions that are new and may hold rows. Returns role, events or deliveries; schema and name, not quoted.
select p.role, n.nspname as schema, c.relname as name
from {rollups}.partition_now p
join pg_catalog.pg_class c on c.oid = p.relation
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where p.kind <> 'p'
    and not exists (
        select from {rollups}.partition known
        where known.role = p.role and known.relation = p.relation and known.attached = p.attached
    )
order by p.role, c.oid

-- name: count-rows
-- Counts the rows of the table {partition}, up to :most. Returns rows.
select count(*) as rows from (select from {partition} limit :most) as r

-- name: mark-events
-- Marks the rolled hours of the events in the table {partition}, and of their deliveries.
insert into {rollups}.mark (project_id, bucket)
select c.project_id, c.bucket
from {rollups}.state
cross join (
    select e.{event.project_id} as project_id, date_trunc('hour', e.{event.created_at}, 'UTC') as bucket
    from {partition} e
    union
    select d.{delivery.project_id}, date_trunc('hour', d.{delivery.created_at}, 'UTC')
    from {partition} e
    join {deliveries} d on d.{delivery.event_id} = e.{event.id}
    where d.{delivery.status} in ({delivered_statuses})
) as c
where c.project_id is not null and isfinite(c.bucket) and c.bucket < state.covered_before

-- name: mark-deliveries
-- Marks the rolled hours of the deliveries that count in the table {partition}.
insert into {rollups}.mark (project_id, bucket)
select distinct d.{delivery.project_id}, date_trunc('hour', d.{delivery.created_at}, 'UTC')
from {rollups}.state
cross join {partition} d
where d.{delivery.status} in ({delivered_statuses})
    and d.{delivery.project_id} is not null
    and isfinite(d.{delivery.created_at})
    and d.{delivery.created_at} < state.covered_before
