-- Statements of retention: batches delete old rows and add what those rows counted to the retained sums of their quarter of an
-- hour, so that figures stay as they are.

-- name: mark-retention
-- Lets triggers know until the end of the transaction that it is retention which deletes rows. Takes no snapshot.
set local usagekit.retention = 'on'

-- name: delete-nothing
-- Deletes no event, so that the triggers of a deletion by retention run where it finds nothing to delete. Not from partitions, which aren't planned then.
delete from only {events} where false

-- name: leaves-work
-- Whether a trigger has set usagekit.retention_left in this transaction: it has more to do than it does in one statement of retention. Returns answer.
select coalesce(current_setting('usagekit.retention_left', true), '') = 'on' as answer

-- name: projects-of-deliveries
-- The projects of deliveries that count, found one after the other by the index. Returns project_id, as text.
with recursive found as (
    (
        select d.{delivery.project_id} as project_id
        from {deliveries} d
        where d.{delivery.status} in ({delivered_statuses})
        order by d.{delivery.project_id}
        limit 1
    )
    union all
    select (
        select d.{delivery.project_id}
        from {deliveries} d
        where d.{delivery.project_id} > found.project_id and d.{delivery.status} in ({delivered_statuses})
        order by d.{delivery.project_id}
        limit 1
    )
    from found
    where found.project_id is not null
)

select project_id::text as project_id from found where project_id is not null

-- name: projects-of-events
-- The projects of events, found one after the other by the index. Returns project_id, as text.
with recursive found as (
    (
        select e.{event.project_id} as project_id
        from {events} e
        order by e.{event.project_id}
        limit 1
    )
    union all
    select (
        select e.{event.project_id}
        from {events} e
        where e.{event.project_id} > found.project_id
        order by e.{event.project_id}
        limit 1
    )
    from found
    where found.project_id is not null
)

select project_id::text as project_id from found where project_id is not null

-- name: delete-deliveries
-- Deletes at most :rows of the oldest deliveries of a project, or of the projects one after the other ({deliveries-of-part}), that count and
-- were created before :before, and adds what they counted to the retained sums, in one snapshot. Their events are locked, so that no size
-- changes before the sums are committed. A row that changes meanwhile is an error (40001). Only rows that were really deleted count: a trigger
-- of the host's may keep rows.
--
-- Parameters: :before, timestamptz; :rows; those of the fragments {deliveries-of-part}, {events-in-chunk}, {deliveries-in-chunk} and
-- {events-filled}, in which all events are.
-- Returns: looked_at, how many candidates there were; deleted, how many of them were deleted; dependants, how many rows of other tables
-- that refer to them ({dependants}, by {deleted.keys}); bigint; are_written_back, whether rows that were deleted before are there again, in the
-- same quarters of an hour.
with candidate as materialized (
    select d.tableoid as part, d.ctid as place
    from {deliveries} d
    where {deliveries-of-part}
        and d.{delivery.created_at} < :before
        and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
    order by d.{delivery.project_id}, d.{delivery.created_at}
    limit :rows
),

deleted as (
    delete from {deliveries} d
    where {delivery-is-candidate} and d.{delivery.created_at} < :before {deliveries-in-chunk}
    returning
        d.{delivery.project_id} as project_id,
        d.{delivery.event_id} as event_id,
        d.{delivery.created_at} as created_at,
        {delivery.size} as size{deleted.keys}
),

counted as materialized (
    select
        deleted.project_id,
        deleted.event_id,
        deleted.created_at,
        event.id is not null as has_event,
        case
            when event.emptied then greatest(event.octets, deleted.size)
            else coalesce(event.octets, deleted.size)
        end as octets,
        deleted.size is null and (event.id is null or event.lost) as lost
    from deleted
    left join lateral (
        select e.{event.id} as id, {event.octets} as octets, {event.emptied} as emptied, {event.lost} as lost
        from {events} e
        where e.{event.id} = deleted.event_id {events-filled}
        offset 0
        for share
    ) as event on true
    where isfinite(deleted.created_at)
),

quarter as materialized (
    select
        deleted.project_id,
        {quarter} as quarter,
        count(*) as volume,
        coalesce(sum(deleted.octets), 0) as bytes,
        count(*) filter (where deleted.has_event and deleted.octets is null) as unmeasured,
        count(*) filter (where deleted.lost) as lost_sizes,
        (array_agg(deleted.event_id))[1] as event_id
    from counted as deleted
    group by 1, 2
),

-- The event of a delivery stands for it if no other delivery of the event is left in the quarter.
retained as (
    insert into {rollups}.retained as r
        (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes, delivered_event_id)
    select
        q.project_id,
        q.quarter,
        0,
        0,
        q.volume,
        q.bytes,
        q.unmeasured,
        q.lost_sizes,
        case
            when not exists (
                select
                from {deliveries} d
                where d.{delivery.event_id} = q.event_id
                    and d.{delivery.created_at} >= q.quarter
                    and d.{delivery.created_at} < q.quarter + interval '15 minutes' {deliveries-in-chunk}
                    and (d.tableoid, d.ctid::text) not in (select part, place::text from candidate)
            ) then q.event_id
        end
    from quarter q
    order by q.project_id, q.quarter
    {add-to-retained}
),

owner as (
    insert into {rollups}.retained as r ({owner-columns})
    {owners}
        and p.{project.id} in (select project_id from deleted)
    order by p.{project.id}
    {owner-conflict}
){dependants}

select
    (select count(*) from candidate) as looked_at,
    (select count(*) from deleted) as deleted,
    {dependants.count} as dependants,
    {are-deleted-written-back} as are_written_back

-- name: delete-uncounted-deliveries
-- Deletes the deliveries that count nowhere and were created before :before of those events that delete-events will look at.
-- Parameters: :before, :kept and :rows, as those of delete-events; those of the fragments {events-of-part}, {events-in-chunk} and
-- {deliveries-filled}.
-- Returns: deleted, how many; dependants, as those of delete-deliveries; bigint.
with candidate as materialized (
    select d.part, d.place
    from ({old-events}) as c
    cross join lateral (
        select d.tableoid as part, d.ctid as place
        from {deliveries} d
        where d.{delivery.event_id} = c.id
            and d.{delivery.created_at} < :before
            and (d.{delivery.status} in ({delivered_statuses})) is not true {deliveries-filled}
        offset 0
    ) as d
),

deleted as (
    delete from {deliveries} d
    where {delivery-is-candidate} {deliveries-filled}
    returning 1 as one{deleted.keys}
){dependants}

select (select count(*) from deleted) as deleted, {dependants.count} as dependants

-- name: delete-events
-- Deletes old events of a project, or of the projects one after the other ({events-of-part}), that have no deliveries any more, and adds what
-- they counted to the retained sums, in one snapshot. A row that changes meanwhile stays: its new version is in another place.
--
-- Parameters: :before, timestamptz; :kept, how many of the first are passed over; :rows, how many are looked at, at most; those of the
-- fragments {events-of-part}, {events-in-chunk}, {deliveries-in-chunk} and {deliveries-filled}, in which all deliveries are.
-- Returns: looked_at, how many candidates there were; deleted, how many of them were deleted; dependants and are_written_back, as those of
-- delete-deliveries.
with candidate as materialized (
    {old-events}
),

deleted as (
    delete from {events} e
    where e.ctid = any (array(select place from candidate))
        and ((e.tableoid, e.ctid::text) in (select part, place::text from candidate)) is true
        and e.{event.created_at} < :before {events-in-chunk}
        and not exists (
            select from {deliveries} d where d.{delivery.event_id} = e.{event.id} {deliveries-filled} offset 0
        )
    returning
        e.{event.id} as id,
        e.{event.project_id} as project_id,
        e.{event.created_at} as created_at,
        {event.counts} as live,
        {event.octets} as octets,
        {event.lost} as lost{deleted.keys}
),

quarter as materialized (
    select
        deleted.project_id,
        {quarter} as quarter,
        count(*) as volume,
        coalesce(sum(deleted.octets), 0) as bytes,
        count(*) filter (where deleted.octets is null) as unmeasured,
        count(*) filter (where deleted.lost) as lost_sizes,
        (array_agg(deleted.id))[1] as event_id
    from deleted
    where deleted.live and isfinite(deleted.created_at)
    group by 1, 2
),

retained as (
    insert into {rollups}.retained as r
        (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes, event_id)
    select q.project_id, q.quarter, q.volume, q.bytes, 0, 0, q.unmeasured, q.lost_sizes, q.event_id
    from quarter q
    order by q.project_id, q.quarter
    {add-to-retained}
),

owner as (
    insert into {rollups}.retained as r ({owner-columns})
    {owners}
        and p.{project.id} in (select project_id from deleted)
    order by p.{project.id}
    {owner-conflict}
){dependants}

select
    (select count(*) from candidate) as looked_at,
    (select count(*) from deleted) as deleted,
    {dependants.count} as dependants,
    {are-deleted-written-back} as are_written_back

-- fragment: are-deleted-written-back
-- Whether rows that were deleted before are there again, in a quarter of an hour of the relation quarter; in the snapshot from before the
-- statement.
exists (
    select
    from quarter q
    join {rollups}.retained r on r.project_id = q.project_id and r.quarter = q.quarter
    where {is-written-back}
)

-- fragment: is-written-back
-- Condition: a row that stands for those whose sums the retained quarter r of an hour has is in the tables again, so that they count twice.
-- {sample.event} and {sample.delivered_event} are the ids of a deleted event and of the event of a deleted delivery, or null. Projects may be of
-- another type since.
(
    exists (
        select
        from {events} e
        where e.{event.id} = {sample.event}
            and e.{event.project_id}::text = r.project_id::text
            and e.{event.created_at} >= r.quarter
            and e.{event.created_at} < r.quarter + interval '15 minutes' {events-in-chunk}
    )
    or exists (
        select
        from {deliveries} d
        where d.{delivery.event_id} = {sample.delivered_event}
            and d.{delivery.project_id}::text = r.project_id::text
            and d.{delivery.created_at} >= r.quarter
            and d.{delivery.created_at} < r.quarter + interval '15 minutes'
            and d.{delivery.status} in ({delivered_statuses}) {deliveries-in-chunk}
    )
)

-- name: retains-in-ranges
-- Whether retention has deleted rows in the ranges. Returns answer.
select exists (
    select
    from {rollups}.span s
    cross join lateral (
        select
        from {rollups}.retained r
        where r.project_id = s.project_id and r.quarter >= s.lower and r.quarter < s.upper and isfinite(r.quarter)
        limit 1
    ) as r
) as answer

-- name: are-ranges-written-back
-- Whether rows that retention had deleted are there again in the ranges, which they would count in twice.
-- Parameters: those of the fragments {span-in-chunk}, {events-in-chunk} and {deliveries-in-chunk}. Returns answer.
select exists (
    select
    from {rollups}.span s
    cross join lateral (
        select
        from {rollups}.retained r
        where r.project_id = s.project_id and r.quarter >= s.lower and r.quarter < s.upper and isfinite(r.quarter)
            and {is-written-back}
        limit 1
    ) as r
    where {span-in-chunk}
) as answer

-- name: clear-samples
-- Clears the ids of deleted rows that are in the tables again: an operator has said that these are others.
update {rollups}.retained r set event_id = null, delivered_event_id = null where {is-written-back}

-- fragment: delivery-is-candidate
-- Condition: a delivery is in the place of one of the relation candidate, found by this place in each partition. PostgreSQL hashes texts in
-- every version; a join would be one of nested loops where it expects few rows.
d.ctid = any (array(select place from candidate))
        and ((d.tableoid, d.ctid::text) in (select part, place::text from candidate)) is true

-- fragment: old-events
-- The events of a part that were created before :before, but for the first :kept; at most :rows.
select e.tableoid as part, e.ctid as place, e.{event.id} as id
from {events} e
where {events-of-part} and e.{event.created_at} < :before {events-in-chunk}
order by e.{event.project_id}, e.{event.created_at}, e.{event.id}
limit :rows offset :kept

-- fragment: deliveries-of-one-project
-- Condition of the deliveries of a part: those of a project. Parameter: :project_id.
d.{delivery.project_id} = :project_id

-- fragment: deliveries-of-any-project
-- Condition of the deliveries of a part: those of all projects.
d.{delivery.project_id} is not null

-- fragment: events-of-one-project
-- Condition of the events of a part: those of a project. Parameter: :project_id.
e.{event.project_id} = :project_id

-- fragment: events-of-any-project
-- Condition of the events of a part: those of all projects.
e.{event.project_id} is not null

-- fragment: event-is-filled
-- Condition of events in a table that is partitioned by time: they are in the times in which partitions have rows.
-- Parameters: :filled_lower, :filled_upper.
and e.{event.created_at} >= :filled_lower::timestamptz{event.at_utc}
            and e.{event.created_at} < :filled_upper::timestamptz{event.at_utc}

-- fragment: delivery-is-filled
-- Condition of deliveries in a table that is partitioned by time: they are in the times in which partitions have rows.
-- Parameters: :filled_lower, :filled_upper.
and d.{delivery.created_at} >= :filled_lower::timestamptz{delivery.at_utc}
        and d.{delivery.created_at} < :filled_upper::timestamptz{delivery.at_utc}

-- fragment: quarter
-- The quarter of an hour in which a deleted row was created.
date_trunc('hour', deleted.created_at, 'UTC')
    + floor(extract(minute from deleted.created_at at time zone 'UTC') / 15) * interval '15 minutes'

-- fragment: add-to-retained
-- Adds the sums to those of their quarter of an hour that are there already.
on conflict (project_id, quarter) do update set
    received_volume = r.received_volume + excluded.received_volume,
    received_bytes = r.received_bytes + excluded.received_bytes,
    sent_volume = r.sent_volume + excluded.sent_volume,
    sent_bytes = r.sent_bytes + excluded.sent_bytes,
    unmeasured = r.unmeasured + excluded.unmeasured,
    lost_sizes = r.lost_sizes + excluded.lost_sizes,
    event_id = coalesce(excluded.event_id, r.event_id),
    delivered_event_id = coalesce(excluded.delivered_event_id, r.delivered_event_id),
    organisation_id = coalesce(excluded.organisation_id, r.organisation_id)

-- name: record-owners
-- Records whose the projects with retained sums are, where that has changed or isn't recorded.
insert into {rollups}.retained as r ({owner-columns})
{owners}
    and exists (select from {rollups}.retained k where k.project_id = p.{project.id})
order by p.{project.id}
{owner-conflict}

-- fragment: owner-columns
-- The columns of the row that says whose a project is.
project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, organisation_id

-- fragment: owners
-- The rows that say whose projects p are, where there is another one or none. No figure has an organisation id as long as those that are left
-- out, and no index would take it.
select distinct on (p.{project.id})
    p.{project.id},
    timestamptz '-infinity',
    0,
    0,
    0,
    0,
    0,
    {organisation.begin_text}p.{project.organisation_id}{organisation.end_text}
from {projects} p
where p.{project.id} is not null
    and octet_length(p.{project.organisation_id}::text) <= 2000
    and not exists (
        select
        from {rollups}.retained k
        where k.project_id = p.{project.id}
            and k.quarter = '-infinity'
            and k.organisation_id = {organisation.begin_text}p.{project.organisation_id}{organisation.end_text}
    )

-- fragment: owner-conflict
-- Replaces what was recorded of the project before.
on conflict (project_id, quarter) do update set organisation_id = excluded.organisation_id

-- name: move-retained
-- Adds the retained sums of a project to those of another one. Parameters: :from and :to, ids as text.
with moved as (
    delete from {rollups}.retained r
    where r.project_id = :from
    returning *
)

insert into {rollups}.retained as r
    (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes, event_id, delivered_event_id)
select
    target.id,
    m.quarter,
    m.received_volume,
    m.received_bytes,
    m.sent_volume,
    m.sent_bytes,
    m.unmeasured,
    m.lost_sizes,
    m.event_id,
    m.delivered_event_id
from moved m
cross join (select p.{project.id} as id from {projects} p where p.{project.id} = :to limit 1) as target
{add-to-retained}

-- name: omit-retained
-- Leaves out the retained sums of a project that the projects don't have. Parameter: :from, its id as text.
insert into {rollups}.retained as r ({owner-columns})
select k.project_id, timestamptz '-infinity', 0, 0, 0, 0, 0, null
from (select k.project_id from {rollups}.retained k where k.project_id = :from limit 1) as k
{owner-conflict}

-- name: all-missing-projects
-- The projects of which retention has kept sums and which the projects don't have any more, at most 100, found one after the other by the index.
-- Returns: project_id and organisation_id, as text; the latter is null if it wasn't recorded whose the project was.
with recursive found as (
    (
        select r.project_id from {rollups}.retained r order by r.project_id limit 1
    )
    union all
    select (
        select r.project_id from {rollups}.retained r where r.project_id > found.project_id order by r.project_id limit 1
    )
    from found
    where found.project_id is not null
)

select f.project_id::text as project_id, k.organisation_id
from found f
left join {rollups}.retained k on k.project_id = f.project_id and k.quarter = '-infinity'
where f.project_id is not null
    and not exists (select from {projects} p where p.{project.id}::text = f.project_id::text) -- of whatever type since
    and (k.project_id is null or k.organisation_id is not null)
order by f.project_id
limit 100

-- name: retained-project
-- What is known of a project with retained sums. Parameter: :id, as text.
-- Returns one row: is_project, whether the projects have it; is_retained, whether it has retained sums.
select
    exists (select from {projects} p where p.{project.id} = :id) as is_project,
    exists (select from {rollups}.retained r where r.project_id = :id) as is_retained

-- name: holds-retained
-- Whether there are retained sums in a schema; needs no privilege. Parameter: :schema, not quoted. Returns answer.
select exists (
    select
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema and c.relname = 'retained' and coalesce(pg_relation_size(c.oid), 0) > 0
) as answer

-- name: has-retained
-- Whether there are retained sums, other than those of a transaction that was rolled back; needs SELECT on them. Returns answer.
select exists (select from {rollups}.retained) as answer

-- name: convert-retained
-- Gives the ids of retained sums another type, a script: {column}; {definition}, the type with its collation; {type}, without.
alter table {rollups}.retained alter column {column} type {definition} using {column}::text::{type}

-- name: convert-samples
-- Gives other ids in retained sums another type, as convert-retained does, or makes them unknown where they aren't of that type, a script.
do $usagekit$
begin
    alter table {rollups}.retained alter column {column} type {definition} using {column}::text::{type};
exception when data_exception or cannot_coerce then
    alter table {rollups}.retained alter column {column} type {definition} using null::{type};
end
$usagekit$

-- name: add-samples
-- Adds to retained sums of an older version the columns of deleted events, which stay unknown, and of organisations, a script: {definition}, the
-- type of events' ids.
alter table {rollups}.retained
    add column if not exists event_id {definition},
    add column if not exists delivered_event_id {definition},
    add column if not exists organisation_id text

-- name: are-samples-comparable
-- Whether the ids of deleted events in retained sums can be compared with those of the tables, which may be of another type since.
-- Parameters: :events, :deliveries and :retained, quoted; :event_id and :delivery_event_id, columns. Returns answer.
select not exists (
    select
    from (values
        (to_regclass(:events), :event_id::name, 'event_id'),
        (to_regclass(:deliveries), :delivery_event_id::name, 'delivered_event_id')
    ) as compared (relation, name, sample)
    join pg_catalog.pg_attribute a on a.attrelid = compared.relation and a.attname = compared.name
    join pg_catalog.pg_type t on t.oid = a.atttypid
    join pg_catalog.pg_attribute b on b.attrelid = to_regclass(:retained) and b.attname = compared.sample
    join pg_catalog.pg_type s on s.oid = b.atttypid
    where coalesce(nullif(t.typbasetype, 0), t.oid) <> coalesce(nullif(s.typbasetype, 0), s.oid)
        and not (t.typcategory = s.typcategory and t.typcategory in ('S', 'N'))
) as answer

-- name: has-restored-tables
-- Whether doubt may find a reason: it names all partitions of both tables. Returns answer.
select exists (
    select
    from {rollups}.restored_tables({events.regclass}, {deliveries.regclass}) as restored
    where restored.own or restored.events or restored.deliveries
) as answer

-- name: doubt
-- Why retained sums may not be those of the rows that the tables lack. Parameters: :start and :end, the window [start, end),
-- timestamptz; :organisation_id, if the placeholder organisation.retained names it. {sample.event} and {sample.delivered_event}, the ids of
-- deleted events, or null.
-- Returns one row, or none if there are no roll-ups: is_restored, whether these roll-ups were restored without the tables; are_rows_back,
-- whether rows that retention had deleted from another table are in the table that has its name now, in the window; are_emptied, whether
-- that table is empty.
with changed as materialized (
    select own, events, deliveries from {rollups}.restored_tables({events.regclass}, {deliveries.regclass})
),

retained as (
    select r.project_id, r.quarter, r.event_id, r.delivered_event_id
    from {rollups}.retained r
    where {organisation.retained}
        and r.quarter > :start::timestamptz - interval '15 minutes'
        and r.quarter < :end::timestamptz
)

select
    changed.own and exists (select from {rollups}.retained) as is_restored,
    (
        changed.events and exists (
            select from retained r where exists (select from {events} e where e.{event.id} = {sample.event})
        )
    ) or (
        changed.deliveries and exists (
            select
            from retained r
            where exists (
                select
                from {deliveries} d
                where d.{delivery.event_id} = {sample.delivered_event}
                    and d.{delivery.project_id}::text = r.project_id::text -- of whatever type since
                    and d.{delivery.created_at} >= r.quarter
                    and d.{delivery.created_at} < r.quarter + interval '15 minutes'
            )
        )
    ) as are_rows_back,
    (changed.events and not exists (select from {events}) or changed.deliveries and not exists (select from {deliveries}))
        and exists (select from {rollups}.retained) as are_emptied
from changed

-- name: are-written-back
-- Whether rows that retention had deleted are in the same tables again, in a window. {quarters} are the retained quarters of an hour that are
-- looked at. Parameters: :start and :end, the window [start, end), timestamptz; :organisation_id, if the placeholder organisation.counts names it.
-- Returns answer.
with looked_at as (
    {quarters}
)

select exists (select from looked_at r where {is-written-back}) as answer

-- fragment: all-quarters
-- The retained quarters of an hour in the window, where triggers may have missed rows.
--
-- Parameters: :start and :end; :organisation_id, if the placeholder organisation.counts names it.
select r.project_id, r.quarter, r.event_id, r.delivered_event_id
from {projects} p
join {rollups}.retained r on r.project_id = p.{project.id} and r.quarter >= :start::timestamptz and r.quarter < :end::timestamptz
where {organisation.counts}

-- fragment: quarters-read-live
-- Those of them that aren't rolled, or have changed since: no step rolls one in which rows are back.
--
-- Parameters: :start and :end; :organisation_id, if the placeholder organisation.counts names it.
select r.project_id, r.quarter, r.event_id, r.delivered_event_id
from (
    select case when {rollups}.is_intact({events.regclass}, {deliveries.regclass}) then covered_before end as covered_before
    from {rollups}.state
    offset 0
) as state
cross join {projects} p
left join {rollups}.project known on known.project_id = p.{project.id} and state.covered_before is not null
cross join lateral (
    select r.*
    from {rollups}.retained r
    where r.project_id = p.{project.id}
        and r.quarter >= :start::timestamptz
        and r.quarter < least(:end::timestamptz, coalesce(known.covered_from, 'infinity'))
    union all
    select r.*
    from {rollups}.retained r
    where r.project_id = p.{project.id}
        and r.quarter >= greatest(:start::timestamptz, state.covered_before, known.covered_from)
        and r.quarter < :end::timestamptz
        and known.covered_from is not null
    union all
    select r.*
    from (
        select distinct m.bucket
        from {rollups}.mark m
        where m.project_id = p.{project.id} and m.bucket > :start::timestamptz - interval '1 hour' and m.bucket < :end::timestamptz
    ) as m
    join {rollups}.retained r on r.project_id = p.{project.id} and r.quarter >= m.bucket and r.quarter < m.bucket + interval '1 hour'
) as r
where {organisation.counts}

-- fragment: event-in-window
-- Condition of events that lets the planner leave partitions out.
--
-- Parameters: :start, :end.
and e.{event.created_at} >= :start::timestamptz{event.at_utc}
            and e.{event.created_at} < :end::timestamptz{event.at_utc}

-- name: is-older-retained
-- Whether there are retained sums without the column lost_sizes. Parameter: :table, quoted. Returns answer.
select to_regclass(:table) is not null and not exists (
    select
    from pg_catalog.pg_attribute a
    where a.attrelid = to_regclass(:table) and a.attname = 'lost_sizes' and not a.attisdropped
) as answer

-- name: upgrade-retained
-- Adds to retained sums of an older version how many rows count without octets, a script. Of rows that are deleted already nobody knows.
alter table {rollups}.retained
    add column lost_sizes bigint not null default 0,
    drop constraint retained_pkey,
    add primary key (project_id, quarter)
        include (received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes)

-- name: take-retained
-- Moves the table of retained sums out of another roll-ups' schema into this one, a script: {other}, that schema, quoted.
alter table if exists {other}.retained set schema {rollups}

-- name: add-retained
-- Adds the retained sums of other roll-ups to these, a script: {other}, the schema of the others, quoted.
insert into {rollups}.retained as r
    ({retained-columns})
select {retained-columns}
from {other}.retained
{add-to-retained}

-- fragment: retained-columns
-- All columns of the retained sums.
project_id,
quarter,
received_volume,
received_bytes,
sent_volume,
sent_bytes,
unmeasured,
lost_sizes,
event_id,
delivered_event_id,
organisation_id
