-- Roll-ups of usage by project and UTC hour, in a schema of their own beside the host's tables.
-- The state says which version and mapping they were made for: a calculator with another one doesn't use them.

-- One row. A project's hours in [project.covered_from, covered_before) are rolled.
create table {rollups}.state (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    settings text not null,
    covered_before timestamptz, -- null: nothing is rolled yet
    steps bigint not null default 0, -- counts the worker's steps, so that no two of them run at once
    -- How long before its delivery, and how long after it, the event of any rolled one was created.
    event_age interval not null default interval '0',
    event_delay interval not null default interval '0',
    own_tables oid[] not null default array[]::oid[], -- which tables of this schema these rows belong to: others after a restore
    place text -- the server and the database in which they were created; null if unknown
);
insert into {rollups}.state (version, settings) values ({version}, {settings});

-- The host's tables that have triggers, as they were when these were created. Figures are read from roll-ups only as long as the
-- catalog says the same: see is_intact.
create table {rollups}.host_table (
    role text primary key, -- events or deliveries
    relation regclass not null, -- a dump has its name, so that a copy refers to its own table
    relation_oid oid not null default 0, -- the same table; a dump has the number, which no other table gets
    retained_oid oid not null default 0, -- the table of whose deleted rows the retained sums are
    columns name[] not null, -- the mapped ones; the third is the time
    -- The versions (xmin) of the catalog's rows of its triggers, their functions, mapped columns, and the labels of delivered statuses
    -- if these are of an enum. Each ALTER leaves another one, also one that is undone by the next: rows may have changed in between.
    catalog_rows xid[] not null default array[]::xid[],
    definition text[] not null default array[]::text[], -- of its triggers, their functions and mapped columns, in words
    functions oid[] not null default array[]::oid[], -- which the triggers call; all of them stand at the events
    parents oid[] not null default array[]::oid[], -- the table, and the partitioned tables below it
    partitions_digest numeric not null default 0 -- of the rows of pg_inherits below those
);
insert into {rollups}.host_table (role, relation, columns)
values
    ('events', {events.regclass}, array[{events.columns}]),
    ('deliveries', {deliveries.regclass}, array[{deliveries.columns}]);

-- The tables below those of host_table, at every level, when they were recorded: the worker finds out by them which are new.
create table {rollups}.partition (
    role text not null, -- of the table at the top
    relation oid not null,
    attached xid not null, -- the version (xmin) of its row in pg_inherits: another one after DETACH and ATTACH
    filenode oid, -- another one after TRUNCATE, if the table has no trigger for that; null if it has
    expressions oid[] not null, -- that generate its mapped columns: others after SET EXPRESSION, which rewrites values without a trigger
    times tstzrange, -- of its rows, if the table at the top is divided by ranges of the time alone, and this one isn't divided
    primary key (role, relation)
);
create index partition_times_idx on {rollups}.partition (role, lower(times));
create index partition_filenode_idx on {rollups}.partition (relation) where filenode is not null;
create index partition_expressions_idx on {rollups}.partition (relation) where expressions <> array[]::oid[];

-- Projects whose rows are rolled. A project without a row here is read live.
create table {rollups}.project (
    project_id {project_id_type} primary key,
    covered_from timestamptz not null -- -infinity: the whole history
);
create index project_backfill_idx on {rollups}.project (covered_from) where covered_from > '-infinity';

-- The sums of a project's hour; an hour without usage has no row. Sums of bytes are numeric; statements that read figures check
-- whether they fit bigint.
create table {rollups}.rollup (
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    received_volume bigint not null,
    received_bytes numeric not null,
    sent_volume bigint not null,
    sent_bytes numeric not null,
    unmeasured bigint not null, -- rows whose size is neither stored nor measurable
    lost_sizes bigint not null, -- rows that count without octets, which can't be known any more
    primary key (project_id, bucket)
        include (received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes)
) with (fillfactor = 90);

-- Dirty marks: hours in which a row changed after the hour may have been rolled. They are read live until they are re-rolled.
-- Append-only, with duplicates: a mark is as visible as the change that it stands for, and the mark of another transaction can't
-- stand for it.
create table {rollups}.mark (
    project_id {project_id_type} not null,
    bucket timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index mark_project_id_bucket_idx on {rollups}.mark (project_id, bucket);
alter table {rollups}.mark replica identity full; -- a publication of all tables requires one for DELETE

-- The change log: events whose size changed, or that were deleted. A row stands for the hours of all deliveries of the event, also
-- of those that the changing transaction can't see: readers of this table look the deliveries up in their own snapshot.
create table {rollups}.changed_event (
    event_id {event_id_type} not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
alter table {rollups}.changed_event replica identity full;

-- Reset requests: transactions with changes that a trigger couldn't record, since a function failed. From then on no rolled hour is
-- used, until the worker has taken the requests that it sees and rolls everything from scratch. Append-only: of a transaction's requests
-- the first one stands for all, and none for those of another transaction. A start belongs to the key since a copy of the database
-- numbers its transactions again.
create table {rollups}.reset_request (
    transaction xid8 not null,
    started_at timestamptz not null,
    reason text not null,
    primary key (transaction, started_at)
);

-- Orphans: rolled deliveries whose event was missing. If the event arrives late, their hours are read live.
create table {rollups}.orphan (
    id bigint generated always as identity primary key,
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    event_id {event_id_type} not null
);
create index orphan_project_id_bucket_idx on {rollups}.orphan (project_id, bucket);

-- Retained sums: what rows counted that retention has deleted, by quarters of an hour, so that months and days of every time zone
-- can be computed. Unlike rolled sums they can't be computed again, since their rows are deleted: the table is kept when roll-ups are
-- replaced.
create table if not exists {rollups}.retained (
    project_id {project_id_type} not null,
    quarter timestamptz not null,
    received_volume bigint not null,
    received_bytes numeric not null,
    sent_volume bigint not null,
    sent_bytes numeric not null,
    unmeasured bigint not null,
    lost_sizes bigint not null default 0,
    -- An event that was deleted last, and the event of a delivery that was: where these are there again, rows count twice.
    event_id {event_id_type},
    delivered_event_id {event_id_type},
    -- In a row of each project, of the quarter -infinity and without sums: whose project it was last; null if its sums are left out once
    -- the projects don't have it any more.
    organisation_id text,
    primary key (project_id, quarter)
        include (received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes)
) with (fillfactor = 90);
create index if not exists retained_organisation_id_idx on {rollups}.retained (organisation_id) where quarter = '-infinity';

-- The ranges of hours that a step of the worker rolls; empty between steps.
create table {rollups}.span (
    project_id {project_id_type} not null,
    lower timestamptz not null,
    upper timestamptz not null
);
alter table {rollups}.span replica identity full;

-- The watermark, in seconds since 1970: a change of a row that is older leaves a dirty mark. It is a sequence, since sequences are
-- read outside of any snapshot. Until the worker's first run nothing is rolled, and no change needs a mark.
create sequence {rollups}.mark_before minvalue -9223372036854775808;
grant select on sequence {rollups}.mark_before to public; -- a worker reads it, too
select setval({mark_before}::regclass, -62135596800, true);

-- What the catalog says now about the tables of host_table. is_permanent: a crash leaves its rows as they are; is_recorded: no
-- transaction has requested a reset.
create view {rollups}.host_table_now as
select
    h.role,
    array(
        select t.xmin from pg_catalog.pg_trigger t
        where t.tgrelid = h.relation and t.tgname in ({trigger_names})
        order by t.tgname
    ) || array(
        select a.xmin from pg_catalog.pg_attribute a
        where a.attrelid = h.relation and a.attname = any (h.columns)
        order by a.attname
    ) || array(
        select f.xmin from pg_catalog.pg_proc f where f.oid = any (h.functions) order by f.oid
    ) || array(
        select l.xmin
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_enum l on l.enumtypid = a.atttypid and l.enumlabel in ({delivered_statuses})
        where a.attrelid = h.relation and a.attname = any (h.columns)
        order by a.attname, l.enumlabel
    ) as catalog_rows,
    -- Of the partitions and the versions of their rows of pg_inherits: age is the way from a transaction's number to a number.
    (
        select coalesce(sum(below.digest), 0)
        from unnest(h.parents) as parent
        cross join lateral (
            select sum(hashoidextended(i.inhrelid, ((select age('3'::xid))::bigint - age(i.xmin)) & 4294967295)) as digest
            from pg_catalog.pg_inherits i
            where i.inhparent = parent
            offset 0
        ) as below
    ) as partitions_digest,
    (select c.relpersistence = 'p' from pg_catalog.pg_class c where c.oid = h.relation) as is_permanent,
    not exists (select from {rollups}.reset_request) as is_recorded
from {rollups}.host_table h;

-- The tables below those of host_table now, as in partition. parent: the partitioned table above it, or the table that it inherits
-- from; is_tracked: changes of its rows fire triggers, and a crash leaves them as they are; is_guarded: TRUNCATE fires its own trigger;
-- expressions: those of columns whose values they generate; times: PostgreSQL writes them as FOR VALUES FROM ('lower') TO ('upper').
create view {rollups}.partition_now as
with recursive below as (
    select h.role, i.inhparent as parent, i.inhrelid as relation, i.xmin as attached
    from {rollups}.host_table h
    join pg_catalog.pg_inherits i on i.inhparent = h.relation
    union all
    select b.role, i.inhparent, i.inhrelid, i.xmin
    from below b
    join pg_catalog.pg_inherits i on i.inhparent = b.relation
)

select
    b.role,
    b.parent,
    b.relation,
    b.attached,
    c.relkind as kind,
    c.relispartition and c.relkind in ('r', 'p') and c.relpersistence = 'p' as is_tracked,
    c.relkind = 'p' or exists (
        select from pg_catalog.pg_trigger t where t.tgrelid = b.relation and t.tgname = {truncate_name}
    ) as is_guarded,
    c.relfilenode as filenode,
    array(
        select d.oid
        from {rollups}.host_table h
        join pg_catalog.pg_attribute a on a.attrelid = b.relation and a.attname = any (h.columns) and a.attgenerated <> ''
        join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where h.role = b.role
        order by a.attname
    ) as expressions,
    (
        select tstzrange((bound.texts[1] || zone.utc)::timestamptz, (bound.texts[2] || zone.utc)::timestamptz)
        from {rollups}.host_table h
        join pg_catalog.pg_partitioned_table k on k.partrelid = h.relation and k.partstrat = 'r' and k.partnatts = 1
        join pg_catalog.pg_attribute a
            on a.attrelid = k.partrelid and a.attnum = k.partattrs[0] and a.attname = h.columns[3]
        cross join lateral (
            select case a.atttypid when 'timestamp'::regtype then '+00' else '' end as utc
        ) as zone
        cross join lateral regexp_match(
            pg_get_expr(c.relpartbound, c.oid),
            '^FOR VALUES FROM \(''([0-9]+-[0-9][0-9]-[0-9][0-9] [-+:.0-9]+)''\) TO \(''([0-9]+-[0-9][0-9]-[0-9][0-9] [-+:.0-9]+)''\)$'
        ) as bound (texts)
        where h.role = b.role and h.relation = b.parent and c.relkind = 'r'
    ) as times
from below b
join pg_catalog.pg_class c on c.oid = b.relation;

-- A table, and the partitioned tables below it.
create function {rollups}.parents(host_table regclass) returns oid[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
    with recursive parent as (
        select host_table::oid as relation
        union all
        select t.partrelid
        from parent p
        join pg_inherits i on i.inhparent = p.relation
        join pg_partitioned_table t on t.partrelid = i.inhrelid
    )

    select array_agg(relation) from parent
$usagekit$;

-- Describes the triggers of these roll-ups on a table, their functions, and some of its columns, the same in each session and after a
-- restore.
create function {rollups}.describe(host_table regclass, column_names name[]) returns text[]
language sql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
    select
        array(
            select format('%s (%s)', pg_get_triggerdef(t.oid), t.tgenabled)
            from pg_trigger t
            where t.tgrelid = host_table and t.tgname in ({trigger_names})
            order by t.tgname
        ) || array(
            select distinct format('function %I with the digest %s', f.proname, md5(concat_ws(' ', f.prosrc, f.prosecdef, f.proconfig)))
            from pg_proc f
            where f.pronamespace = (select c.relnamespace from pg_class c where c.oid = {mark_before}::regclass)
                and f.proname in ({function_names})
            order by 1
        ) || array(
            select format(
                'column %I %s%s%s',
                a.attname,
                format_type(a.atttypid, a.atttypmod),
                (
                    select format(
                        ' collate %I.%I%s',
                        n.nspname,
                        c.collname,
                        case when not c.collisdeterministic then ' (not deterministic)' end
                    )
                    from pg_collation c
                    join pg_namespace n on n.oid = c.collnamespace
                    where c.oid = a.attcollation
                ),
                (
                    select ' generated as ' || pg_get_expr(d.adbin, d.adrelid)
                    from pg_attrdef d
                    where d.adrelid = a.attrelid and d.adnum = a.attnum and a.attgenerated <> ''
                )
            )
            from pg_attribute a
            where a.attrelid = host_table and a.attname = any (column_names)
            order by a.attname
        )
$usagekit$;

-- The server and the database, in words; null where this role may not ask for the server.
create function {rollups}.place() returns text
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    return (
        select format('database %s of the server %s', d.oid, s.system_identifier)
        from pg_database d, pg_control_system() s
        where d.datname = current_database()
    );
exception when insufficient_privilege then
    return null;
end
$usagekit$;

-- Which tables are others than those of which the retained sums are, one row: own, those of these roll-ups, which were created again in
-- the same database, as by a restore; events and deliveries, those that have their names now.
create function {rollups}.restored_tables(
    events_now regclass, deliveries_now regclass, out own boolean, out events boolean, out deliveries boolean
) returns setof record
language sql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
    select
        s.own_tables <> {own_tables} and (s.place = {rollups}.place()) is not false,
        coalesce((select h.retained_oid <> events_now from {rollups}.host_table h where h.role = 'events'), false),
        coalesce((select h.retained_oid <> deliveries_now from {rollups}.host_table h where h.role = 'deliveries'), false)
    from {rollups}.state s
$usagekit$;

-- Whether every change of these tables since the hours were rolled has fired the triggers, as far as the caller's snapshot shows: they
-- are the tables of host_table, neither triggers, their functions nor mapped columns have been altered, no partition has been attached,
-- detached, created, dropped, or emptied by name, no trigger has failed, the rows of these roll-ups are in the tables that they were
-- written in, and the watermark isn't behind the rolled hours. Called by each statement that reads figures.
--
-- Of the hours in [rolled_from, rolled_to), if these are given, the answer is the same with partitions that hold none of their rows, and no event
-- of their deliveries, left aside: where the recorded partitions cover that time, and are attached as they were, no other one can hold rows of it,
-- since partitions of a table don't overlap. So few of thousands are read. Where they don't cover it, or are more than 500, all are compared.
create function {rollups}.is_intact(
    events regclass, deliveries regclass, rolled_from timestamptz default null, rolled_to timestamptz default null
) returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $usagekit$
declare
    compared record;
begin
    select
        max(h.relation::oid) filter (where h.role = 'events') as events_oid,
        max(h.relation::oid) filter (where h.role = 'deliveries') as deliveries_oid,
        bool_and(
            h.catalog_rows = n.catalog_rows
            and h.relation_oid = h.relation::oid
            and n.is_permanent
            and (
                coalesce(
                    (
                        select sum(least(upper(p.times), upper(t.times)) - greatest(lower(p.times), lower(t.times)))
                        from (
                            select p.relation, p.attached, p.times
                            from {rollups}.partition p
                            where p.role = h.role
                                and lower(p.times) < upper(t.times)
                                and lower(p.times) >= (
                                    select lower(b.times)
                                    from {rollups}.partition b
                                    where b.role = h.role and lower(b.times) <= lower(t.times)
                                    order by lower(b.times) desc
                                    limit 1
                                )
                            order by lower(p.times)
                            limit 500
                        ) as p
                        cross join lateral (
                            select
                            from pg_inherits i
                            where i.inhrelid = p.relation and i.inhparent = h.relation and i.xmin = p.attached
                            offset 0
                        ) as i
                    ) = upper(t.times) - lower(t.times),
                    false
                )
                or h.partitions_digest = n.partitions_digest
            )
        ) as is_same,
        bool_and(
            (extract(epoch from s.covered_before) <= pg_sequence_last_value({mark_before}::regclass)) is not false
            and s.own_tables = {own_tables}
        ) as is_watched,
        not exists (select from {rollups}.reset_request) and not exists (
            select
            from {rollups}.partition p
            left join pg_catalog.pg_class c on c.oid = p.relation
            where p.filenode is not null and c.relfilenode is distinct from p.filenode
        ) as is_recorded
    into compared
    from {rollups}.state s
    cross join {rollups}.host_table h
    join {rollups}.host_table_now n on n.role = h.role
    cross join lateral (
        select
            case
                when rolled_from >= rolled_to then null
                when h.role = 'events' then tstzrange(rolled_from - s.event_age, rolled_to + s.event_delay)
                else tstzrange(rolled_from, rolled_to)
            end as times
    ) as t;
    return coalesce(
        compared.is_same and compared.is_watched and compared.is_recorded and compared.events_oid = events and compared.deliveries_oid = deliveries,
        false
    );
end
$usagekit$;

-- What is_intact finds, in words, one row each. A definition that differs is listed as it was and as it is.
create function {rollups}.alterations(events regclass, deliveries regclass) returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
    with host_table as (
        select
            h.role,
            h.relation,
            h.relation_oid,
            h.definition,
            h.catalog_rows,
            given.relation as present,
            {rollups}.describe(given.relation, h.columns) as present_definition,
            n.catalog_rows as present_catalog_rows,
            n.is_permanent
        from {rollups}.host_table h
        join {rollups}.host_table_now n on n.role = h.role
        join (values ('events', events), ('deliveries', deliveries)) as given (role, relation) on given.role = h.role
    ),

    -- Each of thousands of partitions is looked for among the recorded ones only if some differ.
    partitions as (
        select bool_or(h.partitions_digest <> n.partitions_digest) as differ
        from {rollups}.host_table h
        join {rollups}.host_table_now n on n.role = h.role
    )

    select format('%s is another table than the one of these roll-ups', present) from host_table where relation <> present
    union all
    select format('%s has: %s', present, is_now)
    from host_table, unnest(present_definition) as is_now
    where is_now <> all (definition)
    union all
    select format('%s had: %s', present, was)
    from host_table, unnest(definition) as was
    where was <> all (present_definition)
    union all
    select format('triggers, their functions, mapped columns or statuses of %s were altered, and altered back', present)
    from host_table
    where relation = present and catalog_rows <> present_catalog_rows and definition = present_definition
    union all
    select format('%s is unlogged or temporary', present) from host_table where relation = present and not is_permanent
    union all
    select format('%s is below %s and unlogged, temporary, foreign, or a child by INHERITS', n.relation::regclass, n.parent::regclass)
    from {rollups}.partition_now n
    where not n.is_tracked
    union all
    select format('%s is new below %s', n.relation::regclass, n.parent::regclass)
    from {rollups}.partition_now n
    where (select differ from partitions) and not exists (
        select from {rollups}.partition p
        where p.role = n.role and p.relation = n.relation and p.attached = n.attached
    )
    union all
    select format('a partition (%s) was detached or dropped', p.relation::regclass)
    from {rollups}.partition p
    where (select differ from partitions) and not exists (
        select from {rollups}.partition_now n
        where p.role = n.role and p.relation = n.relation and p.attached = n.attached
    )
    union all
    select format('%s was emptied or rewritten, and has no trigger that would tell which', p.relation::regclass)
    from {rollups}.partition p
    join pg_class c on c.oid = p.relation
    where p.filenode is not null and c.relfilenode <> p.filenode
    union all
    select format('%s transactions made changes that a trigger failed to record, the last one: %s', count(*), max(reason))
    from (select reason, started_at from {rollups}.reset_request order by started_at desc limit 1000) as r
    having count(*) > 0
    union all
    select 'the tables of these roll-ups were created again, as by a restore'
    from {rollups}.state s
    where s.own_tables <> {own_tables}
    union all
    select format('%s was created again, as by a restore', present)
    from host_table
    where relation = present and relation_oid <> present::oid
    union all
    select format('hours before %s are rolled, and the sequence mark_before is behind them', s.covered_before)
    from {rollups}.state s
    where extract(epoch from s.covered_before) > pg_sequence_last_value({mark_before}::regclass)
$usagekit$;

-- Records that nothing is rolled; figures are computed from raw rows until the worker has rolled them from scratch. Always changes
-- the state, so that a transaction whose snapshot is older than the worker's last step fails (40001) rather than miss it.
create function {rollups}.forget() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    update {rollups}.state set covered_before = null, steps = steps + 1, event_age = '0', event_delay = '0';
    delete from {rollups}.project;
end
$usagekit$;

-- The watermark, as of its own execution: a row that isn't older needs no mark. Infinity where it isn't set or can't be read: each row is older
-- then. The triggers' conditions call it, after PostgreSQL has locked the table for writing, and only these: it is declared immutable so that
-- PostgreSQL computes it once a statement, where it reads a condition from its text, and not for each row. An older watermark is as good within a
-- transaction, whose end a step waits for if it has locked the table before the step publishes its own.
create function {rollups}.watermark() returns timestamptz
language plpgsql immutable security definer as $usagekit$
begin
    return coalesce(
        pg_catalog.to_timestamp(pg_catalog.pg_sequence_last_value({mark_before}::pg_catalog.regclass)::double precision), 'infinity'
    );
exception when others then
    return 'infinity';
end
$usagekit$;

-- Functions without a search_path of their own qualify each name and operator: setting one takes longer than their work.

-- What marks the hour of a row stands in the trigger functions themselves, since a call of another one takes as long as the mark. From its second
-- late row on, a transaction marks an hour only if it hasn't marked it yet. It keeps in settings of its own what it has marked: PostgreSQL takes
-- their values back where it takes the marks back, at the end of the transaction and in a rollback to a savepoint.

-- Records that an event was deleted, or that its size or id changed. Returns true.
create function {rollups}.log_event(event_id {rollups}.changed_event.event_id%type) returns boolean
language plpgsql as $usagekit$
begin
    if event_id is not null then
        insert into {rollups}.changed_event (event_id) values (event_id);
    end if;
    return true;
end
$usagekit$;

-- Whether a delivery of this status counts. Takes whatever type the column has now. Statuses of a type with operators of its own would be
-- compared as text where these aren't in their schema any more: that is an error.
create function {rollups}.is_delivered(status anyelement) returns boolean
language plpgsql set search_path = {operators} as $usagekit$
begin
    {check_operators}return coalesce(status in ({delivered_statuses}), false);
end
$usagekit$;

-- In the trigger functions below, old and its columns are null for an insert, new and its columns for a deletion. Whatever fails in
-- them, the host's write succeeds: a mapped column was renamed or given another type, an enum's label renamed, the schema of these
-- roll-ups renamed. No rolled hour is used from then on.

-- Of a late event that was inserted.
create function {rollups}.event_inserted() returns trigger
language plpgsql security definer as $usagekit$
begin
    {event.mark_new}
    return null;
exception when others then
    {request_reset}
    return null;
end
$usagekit$;

-- Of each event that was updated. Columns are compared by their image, whatever their type, sizes of text and bytes without the value,
-- and json values without their text. What differs may have the same sums; an hour that is re-rolled in vain does no harm.
create function {rollups}.event_updated() returns trigger
language plpgsql security definer as $usagekit$
declare
    has_same_size boolean;
    is_recorded boolean;
begin
    if {event.is_unchanged} then
        return null;
    end if;
    has_same_size := {event.has_same_size};
    if ({event.changed_recently}) is not true then
        {event.mark_old}
        if pg_catalog.record_image_ne(
            row(new.{event.project_id}, pg_catalog.date_trunc('hour', new.{event.created_at}{event.at_utc}, 'UTC')),
            row(old.{event.project_id}, pg_catalog.date_trunc('hour', old.{event.created_at}{event.at_utc}, 'UTC'))
        ) then
            {event.mark_new}
        end if;
    end if;
    if has_same_size is not true or {event.has_other_id} then
        is_recorded := {rollups}.log_event(old.{event.id});
        if {event.has_other_id} then
            is_recorded := {rollups}.log_event(new.{event.id});
        end if;
    end if;
    return null;
exception when others then
    {request_reset}
    return null;
end
$usagekit$;

-- Of each event that was deleted.
create function {rollups}.event_deleted() returns trigger
language plpgsql security definer as $usagekit$
declare
    is_recorded boolean;
begin
    if ({event.changed_recently}) is not true then
        {event.mark_old}
    end if;
    -- Retention deletes events of which its snapshot knows no delivery, in a step: a transaction that rolls one later sees the deletion.
    if not exists (
        select
        from {rollups}.state s
        where s.xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid
    ) then
        is_recorded := {rollups}.log_event(old.{event.id});
    end if;
    return null;
exception when others then
    {request_reset}
    return null;
end
$usagekit$;

-- Of a late delivery that was inserted or deleted.
create function {rollups}.delivery_changed() returns trigger
language plpgsql security definer set search_path = {operators} as $usagekit$
begin
    {check_operators}if old.{delivery.status} in ({delivered_statuses}) or new.{delivery.status} in ({delivered_statuses}) then
        if tg_op = 'INSERT' then
            {delivery.mark_new}
        else
            {delivery.mark_old}
        end if;
    end if;
    return null;
exception when others then
    {request_reset}
    return null;
end
$usagekit$;

-- Of each delivery that was updated.
create function {rollups}.delivery_updated() returns trigger
language plpgsql security definer as $usagekit$
declare
    was_delivered boolean;
    is_delivered boolean;
begin
    if {delivery.changed_recently} then
        return null;
    end if;
    was_delivered := {rollups}.is_delivered(old.{delivery.status});
    is_delivered := {rollups}.is_delivered(new.{delivery.status});
    if (not was_delivered and not is_delivered) or (was_delivered and is_delivered and {delivery.has_same_row}) then
        return null;
    end if;
    {delivery.mark_old}
    if pg_catalog.record_image_ne(
        row(new.{delivery.project_id}, pg_catalog.date_trunc('hour', new.{delivery.created_at}{delivery.at_utc}, 'UTC')),
        row(old.{delivery.project_id}, pg_catalog.date_trunc('hour', old.{delivery.created_at}{delivery.at_utc}, 'UTC'))
    ) then
        {delivery.mark_new}
    end if;
    return null;
exception when others then
    {request_reset}
    return null;
end
$usagekit$;

-- TRUNCATE fires no trigger for the rows: nothing is rolled from then on, until the worker rolls it from scratch.
create function {rollups}.table_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    perform {rollups}.forget();
    return null;
exception
    when serialization_failure or deadlock_detected or lock_not_available then
        raise;
    when others then
        {request_reset}
        return null;
end
$usagekit$;

revoke execute on all functions in schema {rollups} from public;
-- Readers and workers call them; they read nothing but the catalog and what is recorded of it. Each role that writes to the host's tables calls
-- watermark.
grant execute on function
    {rollups}.watermark(),
    {rollups}.place(),
    {rollups}.restored_tables(regclass, regclass),
    {rollups}.parents(regclass),
    {rollups}.describe(regclass, name[]),
    {rollups}.is_intact(regclass, regclass, timestamptz, timestamptz),
    {rollups}.alterations(regclass, regclass)
to public;
