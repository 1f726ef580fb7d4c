-- Statements about what is installed, and about the host's tables that roll-ups are to be installed on.

-- name: is-present
-- Whether there is a table or index. Parameter: :relation, qualified and quoted. Returns answer.
select to_regclass(:relation) is not null as answer

-- name: installed-version
-- Returns version and settings, with which the roll-ups were installed; no row if the state is empty.
select version, settings from {rollups}.state

-- name: triggers
-- Whether every change fires a trigger of these roll-ups. Parameters: :events, :deliveries and :schema (the roll-ups'), quoted.
-- Returns: standing, how many of their triggers the two tables themselves have; disabled, how many of their triggers, those on
-- partitions included, aren't always enabled; untracked, how many partitions are foreign tables, or are emptied by a crash.
with recursive host_table as (
    select to_regclass(:events)::oid as oid
    union all
    select to_regclass(:deliveries)::oid
    union all
    select i.inhrelid from host_table h join pg_catalog.pg_inherits i on i.inhparent = h.oid
)

select
    count(*) filter (where t.tgrelid in (to_regclass(:events), to_regclass(:deliveries))) as standing,
    count(*) filter (where t.tgenabled <> 'A') as disabled,
    (
        select count(*)
        from host_table h
        join pg_catalog.pg_class c on c.oid = h.oid
        where c.relkind not in ('r', 'p') or c.relpersistence <> 'p'
    ) as untracked
from host_table h
join pg_catalog.pg_trigger t on t.tgrelid = h.oid
join pg_catalog.pg_proc f on f.oid = t.tgfoid
where f.pronamespace = to_regnamespace(:schema)

-- name: are-partitions-tracked
-- Whether all triggers of these roll-ups are always enabled, on whatever table, and each recorded table is a permanent one, as far as the newest catalog
-- says: then triggers finds nothing either, if the tables are intact. On thousands of partitions it takes a fraction of the time. Returns answer.
select
    not exists (
        select
        from pg_catalog.pg_trigger t
        where t.tgenabled <> 'A' and t.tgfoid = any (array(select unnest(h.functions) from {rollups}.host_table h))
    )
    and not exists (
        select from {rollups}.partition p where not pg_relation_is_publishable(p.relation)
        union all
        select from {rollups}.host_table h where not pg_relation_is_publishable(h.relation)
    ) as answer

-- name: has-rewritten-partitions
-- Whether a partition generates a mapped column by another expression than the recorded one: its values were rewritten, and no trigger
-- fired. One that was dropped has no columns, and is missing in the digest of partitions. Returns answer.
select exists (
    select
    from {rollups}.partition p
    join {rollups}.host_table h on h.role = p.role
    where p.expressions <> array[]::oid[]
        and exists (select from pg_catalog.pg_class c where c.oid = p.relation)
        and p.expressions <> array(
            select d.oid
            from pg_catalog.pg_attribute a
            join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = p.relation and a.attname = any (h.columns) and a.attgenerated <> ''
            order by a.attname
        )
) as answer

-- name: obstacles
-- What prevents roll-ups from being exact, and what to do about it, one row each. Parameters: :projects, :events and :deliveries,
-- quoted; :event_columns and :delivery_columns, the mapped ones; :project_id, :event_project_id, :delivery_project_id, :event_id and
-- :delivery_event_id, columns.
-- Returns obstacle, for messages.
with recursive host_table as (
    select to_regclass(:events)::oid as oid
    union all
    select to_regclass(:deliveries)::oid
    union all
    select i.inhrelid from host_table h join pg_catalog.pg_inherits i on i.inhparent = h.oid
),

column_pair (own_table, own, other_table, other) as (
    values
        (to_regclass(:projects), :project_id::name, to_regclass(:events), :event_project_id::name),
        (to_regclass(:projects), :project_id, to_regclass(:deliveries), :delivery_project_id),
        (to_regclass(:events), :event_id, to_regclass(:deliveries), :delivery_event_id)
),

id_column as (
    select a.attrelid, a.attname, a.attcollation, format('%I.%I', n.nspname, c.collname) as collation, c.collisdeterministic
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_collation c on c.oid = a.attcollation
    join pg_catalog.pg_namespace n on n.oid = c.collnamespace
)

select format(
    '%s is %s, so that a crash empties it without firing a trigger: alter table %1$s set logged',
    c.oid::regclass,
    case c.relpersistence when 'u' then 'unlogged' else 'temporary' end
) as obstacle
from host_table h
join pg_catalog.pg_class c on c.oid = h.oid
where c.relpersistence <> 'p'
union all
select format('the partition %s is a foreign table, whose changes elsewhere fire no trigger: detach it', c.oid::regclass)
from host_table h
join pg_catalog.pg_class c on c.oid = h.oid
where c.relispartition and c.relkind = 'f'
union all
select format(
    'the column %I of %s is a virtual generated one, whose value triggers don''t receive: make it STORED, or map the columns that'
    ' it is generated from',
    a.attname,
    a.attrelid::regclass
)
from pg_catalog.pg_attribute a
where a.attgenerated = 'v'
    and (
        (a.attrelid = to_regclass(:events) and a.attname = any (:event_columns))
        or (a.attrelid = to_regclass(:deliveries) and a.attname = any (:delivery_columns))
    )
union all
select format(
    'policies of row-level security hide rows of %s from this role: install and run workers as the owner of the table, without FORCE'
    ' ROW LEVEL SECURITY, or as a role with BYPASSRLS',
    c.oid::regclass
)
from pg_catalog.pg_class c
where c.oid in (to_regclass(:projects), to_regclass(:events), to_regclass(:deliveries)) and row_security_active(c.oid)
union all
select format(
    'the columns %I of %s and %I of %s have the collations %s and %s, one of which isn''t deterministic, so that they equate different'
    ' ids: give both the same one',
    own.attname,
    own.attrelid::regclass,
    other.attname,
    other.attrelid::regclass,
    own.collation,
    other.collation
)
from column_pair p
join id_column own on own.attrelid = p.own_table and own.attname = p.own
join id_column other on other.attrelid = p.other_table and other.attname = p.other
where own.attcollation <> other.attcollation and not (own.collisdeterministic and other.collisdeterministic)

-- name: publications-of-new-tables
-- The publications that contain each new table of the roll-ups, if there is a logical replication slot. PostgreSQL 15 and later has
-- publications of schemas; the dependencies of these are read where no catalog of them exists, too. Parameter: :schema (the roll-ups'),
-- quoted. Returns publication, for messages.
select format('the publication %I of all tables', p.pubname) as publication
from pg_catalog.pg_publication p
where p.puballtables
    and exists (
        select from pg_catalog.pg_replication_slots s where s.slot_type = 'logical' and s.database = current_database()
    )
union all
select format('the publication %I of the tables in the schema %s', p.pubname, :schema::text)
from pg_catalog.pg_depend of_publication
join pg_catalog.pg_publication p on p.oid = of_publication.refobjid
join pg_catalog.pg_depend of_schema on of_schema.classid = of_publication.classid and of_schema.objid = of_publication.objid
where of_publication.classid = to_regclass('pg_catalog.pg_publication_namespace')
    and of_publication.refclassid = 'pg_catalog.pg_publication'::regclass
    and of_schema.refclassid = 'pg_catalog.pg_namespace'::regclass
    and of_schema.refobjid = to_regnamespace(:schema)
    and exists (
        select from pg_catalog.pg_replication_slots s where s.slot_type = 'logical' and s.database = current_database()
    )

-- name: list-partitioned
-- The partitioned tables among a mapped table and those below it, in the order of their numbers: the table itself first, if it is one.
-- Parameter: :role, events or deliveries. Returns quoted, the name with its schema.
select format('%I.%I', n.nspname, c.relname) as quoted
from {rollups}.host_table h
cross join lateral unnest({rollups}.parents(h.relation)) as parent (relation)
join pg_catalog.pg_class c on c.oid = parent.relation and c.relkind = 'p'
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where h.role = :role
order by c.oid <> h.relation_oid, c.oid

-- name: is-intact
-- Whether the tables and triggers are as they were recorded. Returns answer.
select {rollups}.is_intact({events.regclass}, {deliveries.regclass}) as answer

-- name: alterations
-- What differs from what was recorded of tables and triggers, in words. Returns alteration.
select alteration from {rollups}.alterations({events.regclass}, {deliveries.regclass}) as alteration

-- name: tables-to-lock
-- The tables that are locked against readers when roll-ups are dropped, qualified and quoted: those with their triggers first, since
-- writers lock them before the roll-ups' tables. Parameter: :schema, not quoted. Returns name.
with locked as (
    select distinct t.tgrelid as oid, 1 as turn
    from pg_catalog.pg_trigger t
    join pg_catalog.pg_proc f on f.oid = t.tgfoid
    join pg_catalog.pg_namespace n on n.oid = f.pronamespace
    where n.nspname = :schema
    union all
    select c.oid, 2
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema and c.relkind in ('r', 'p')
)

select format('%I.%I', n.nspname, c.relname) as name
from locked
join pg_catalog.pg_class c on c.oid = locked.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
order by locked.turn, c.oid

-- name: other-rollups
-- The schemas of other roll-ups whose triggers the tables have; needs no privilege on those. Parameters: :events, :deliveries and
-- :schema (of these roll-ups), quoted.
-- Returns: schema, not quoted; triggers, the names of its triggers; holds_retained, whether it holds retained sums.
select
    n.nspname as schema,
    array_agg(distinct t.tgname::text) as triggers,
    exists (
        select
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid and c.relname = 'retained' and coalesce(pg_relation_size(c.oid), 0) > 0
    ) as holds_retained
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid
join pg_catalog.pg_namespace n on n.oid = f.pronamespace
where t.tgrelid in (to_regclass(:events), to_regclass(:deliveries))
    and not t.tgisinternal
    and t.tgname like 'usagekit\_%'
    and f.proname in (
        'event_changed', 'event_inserted', 'event_updated', 'event_deleted', 'delivery_changed', 'delivery_updated', 'table_truncated'
    )
    and n.oid is distinct from to_regnamespace(:schema)
group by n.oid, n.nspname
order by n.nspname

-- name: table-kind
-- Returns: is_table, whether a relation is a table, partitioned or not; is_inherited, whether tables that aren't its partitions
-- inherit from it; no row if there is no such relation. Parameter: :table, quoted.
select
    c.relkind in ('r', 'p') as is_table,
    c.relkind <> 'p' and exists (select from pg_catalog.pg_inherits i where i.inhparent = c.oid) as is_inherited
from pg_catalog.pg_class c
where c.oid = to_regclass(:table)

-- name: lacking-privileges
-- The privileges that installing needs and this role lacks. Parameters: :events, :deliveries, :projects and :schema (the roll-ups'),
-- quoted.
-- Returns lacking, for messages.
select needed.privilege as lacking
from (values
    (
        case
            when to_regnamespace(:schema) is null
                then 'CREATE on the database ' || quote_ident(current_database()) || ' (or somebody else creates the schema ' || :schema || ')'
            else 'CREATE and USAGE on the schema ' || :schema
        end,
        case
            when to_regnamespace(:schema) is null then has_database_privilege(current_database(), 'CREATE')
            else has_schema_privilege(to_regnamespace(:schema), 'CREATE')
                and has_schema_privilege(to_regnamespace(:schema), 'USAGE')
        end
    ),
    (
        'ownership of the table ' || :events || ' (or of a role that owns it)',
        (select pg_has_role(relowner, 'USAGE') from pg_catalog.pg_class where oid = to_regclass(:events))
    ),
    (
        'ownership of the table ' || :deliveries || ' (or of a role that owns it)',
        (select pg_has_role(relowner, 'USAGE') from pg_catalog.pg_class where oid = to_regclass(:deliveries))
    ),
    ('SELECT on the table ' || :projects, has_table_privilege(to_regclass(:projects), 'SELECT'))
) as needed (privilege, held)
where not needed.held

-- name: column-type
-- The type of a column. Parameters: :table, quoted; :column.
-- Returns: type, as a column definition writes it; collation, empty if it is that of the type; schema, that of the type, where its
-- operators are, quoted.
select
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1) as type,
    coalesce((
        select quote_ident(n.nspname) || '.' || quote_ident(c.collname)
        from pg_catalog.pg_collation c
        join pg_catalog.pg_namespace n on n.oid = c.collnamespace
        where c.oid = a.attcollation and a.attcollation <> t.typcollation
    ), '') as collation,
    (
        select quote_ident(n.nspname)
        from pg_catalog.pg_type base
        join pg_catalog.pg_namespace n on n.oid = base.typnamespace
        where base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
    ) as schema
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass(:table) and a.attname = :column and not a.attisdropped

-- name: has-operator
-- Whether there is an operator. Parameter: :operator, with its schema and the types that it compares. Returns answer.
select to_regoperator(:operator) is not null as answer

-- name: partitions
-- The tables below a partitioned table, at every level; no row if it isn't partitioned. Parameters: :table, quoted; :trigger.
-- Returns: schema and name, not quoted; guarded, whether the partition has a trigger of this name.
with recursive below as (
    select inhrelid as oid from pg_catalog.pg_inherits where inhparent = to_regclass(:table)
    union all
    select i.inhrelid from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
)

select
    n.nspname as schema,
    c.relname as name,
    exists (select from pg_catalog.pg_trigger t where t.tgrelid = c.oid and t.tgname = :trigger) as guarded
from below
join pg_catalog.pg_class c on c.oid = below.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind <> 'p'
order by n.nspname, c.relname

-- name: status
-- How far the roll-ups are, in one snapshot. Marked hours and changed events are counted up to 100,000.
-- Returns: covered_before and backfilled_to, timestamptz or null; steps, marked_hours, changed_events, projects and
-- projects_to_backfill, bigint.
select
    s.covered_before,
    s.steps,
    (select count(*) from (select distinct project_id, bucket from {rollups}.mark limit 100000) as m) as marked_hours,
    (select count(*) from (select from {rollups}.changed_event limit 100000) as c) as changed_events,
    (select count(*) from {rollups}.project) as projects,
    (select count(*) from {rollups}.project where covered_from > '-infinity') as projects_to_backfill,
    (select max(covered_from) from {rollups}.project where covered_from > '-infinity') as backfilled_to
from {rollups}.state s

-- name: common-type
-- The type to which PostgreSQL converts values of several types; the placeholder nulls names a null of each type.
-- Returns type, as a column definition writes it.
select format_type(pg_typeof(coalesce({nulls}))::oid, -1) as type
