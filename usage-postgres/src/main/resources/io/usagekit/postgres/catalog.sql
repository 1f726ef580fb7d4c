-- The mapped tables and their indexes in PostgreSQL's catalog.

-- name: columns
-- The columns of a table.
--
-- Parameters: :table, qualified and quoted.
-- Returns in the order of columns, and no row if there is no such table: name; type, a domain's base type; nullable; default_value,
-- the expression that new rows take, empty if they take null or a generated value; generated; in_view, whether the table is a view, whose
-- columns say nothing about null and default.
with recursive typed as (
    select
        a.attnum,
        a.attname,
        a.attrelid,
        a.attgenerated,
        not a.attnotnull and not t.typnotnull as nullable,
        coalesce(pg_get_expr(d.adbin, d.adrelid), t.typdefault) as default_value,
        t.oid as type,
        t.typbasetype as base_type
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = to_regclass(:table) and a.attnum > 0 and not a.attisdropped
    union all
    select
        typed.attnum,
        typed.attname,
        typed.attrelid,
        typed.attgenerated,
        typed.nullable and not t.typnotnull,
        coalesce(typed.default_value, t.typdefault),
        t.oid,
        t.typbasetype
    from typed
    join pg_catalog.pg_type t on t.oid = typed.base_type
)

select
    typed.attname as name,
    typed.type::regtype::text as type,
    typed.nullable,
    case when typed.attgenerated = '' then coalesce(typed.default_value, '') else '' end as default_value,
    typed.attgenerated <> '' as generated,
    c.relkind in ('v', 'm') as in_view
from typed
join pg_catalog.pg_class c on c.oid = typed.attrelid
where typed.base_type = 0
order by typed.attnum

-- name: schema-exists
-- Whether there is such a schema.
--
-- Parameters: :schema, quoted.
-- Returns one row: answer.
select to_regnamespace(:schema) is not null as answer

-- name: schemas-with-tables
-- The schemas that this role can use and that hold three tables or views of these names.
--
-- Parameters: :projects, :events, :deliveries, not quoted.
-- Returns: schema, not quoted, in the order of names.
select n.nspname as schema
from pg_catalog.pg_namespace n
where has_schema_privilege(n.oid, 'USAGE')
    and (
        select count(*)
        from pg_catalog.pg_class c
        where c.relnamespace = n.oid
            and c.relkind in ('r', 'p', 'v', 'm', 'f')
            and c.relname in (:projects, :events, :deliveries)
    ) = 3
order by n.nspname

-- name: create-schema
-- Creates a schema, a script. Needs CREATE on the database.
create schema {schema}

-- name: drop-schema
-- Drops a schema with all that is in it or depends on it, a script. Needs ownership of the schema.
drop schema {schema} cascade

-- name: drop-statements
-- The statements that drop what is in a schema: functions, with the triggers that call them, then tables and sequences.
-- Parameters: :schema, not quoted; :kept, names of tables that stay. Returns statement.
select statement
from (
    select 1 as turn, p.oid, format('drop function if exists %s cascade', p.oid::regprocedure) as statement
    from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where n.nspname = :schema
    union all
    select
        case c.relkind when 'S' then 3 else 2 end,
        c.oid,
        format('drop %s if exists %I.%I cascade', case c.relkind when 'S' then 'sequence' else 'table' end, n.nspname, c.relname)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema and c.relkind in ('r', 'p', 'S') and c.relname <> all (:kept)
        and not exists (
            select from pg_catalog.pg_depend d
            where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
        )
) as dropped
order by turn, oid

-- name: is-schema-replaceable
-- Whether this role may drop a schema and could create it again. Parameter: :schema, not quoted. Returns answer.
select coalesce(
    (select pg_has_role(nspowner, 'USAGE') from pg_catalog.pg_namespace where nspname = :schema)
    and has_database_privilege(current_database(), 'CREATE'),
    false
) as answer

-- name: database
-- Whether this role may create schemas, and what a message says to those who may.
--
-- Returns one row: may_create; database and role, quoted.
select
    has_database_privilege(current_database(), 'CREATE') as may_create,
    quote_ident(current_database()) as database,
    quote_ident(current_user) as role

-- name: is-partitioned
-- Whether a table is partitioned.
--
-- Parameters: :table, qualified and quoted.
-- Returns one row, or none if there is no such table: answer.
select relkind = 'p' as answer from pg_catalog.pg_class where oid = to_regclass(:table)

-- name: partition-keys
-- The columns by which a table is partitioned, at each level. Partitioned tables are looked for below it from the lower ones up: there are far
-- fewer of them than partitions.
--
-- Parameters: :table, qualified and quoted.
-- Returns, and no row if the table isn't partitioned or there is none: name.
with recursive below as materialized (
    select t.partrelid, i.inhparent
    from pg_catalog.pg_partitioned_table t
    cross join lateral (select i.inhparent from pg_catalog.pg_inherits i where i.inhrelid = t.partrelid offset 0) as i
),

partitioned as (
    select c.oid from pg_catalog.pg_class c where c.oid = to_regclass(:table) and c.relkind = 'p'
    union all
    select below.partrelid from partitioned join below on below.inhparent = partitioned.oid
)

select distinct a.attname as name
from partitioned
join pg_catalog.pg_partitioned_table t on t.partrelid = partitioned.oid
cross join lateral (
    select a.attname
    from pg_catalog.pg_attribute a
    where a.attrelid = t.partrelid and a.attnum = any (t.partattrs::smallint[])
    offset 0
) as a
order by name

-- name: partitions
-- The direct partitions of a table, and whether an index of the table covers them already, as it does those created after it.
--
-- Parameters: :table and :index, qualified and quoted.
-- Returns: schema, name, covered.
select
    n.nspname as schema,
    c.relname as name,
    exists (
        select
        from pg_catalog.pg_inherits part
        join pg_catalog.pg_index x on x.indexrelid = part.inhrelid
        where part.inhparent = to_regclass(:index) and x.indrelid = c.oid and x.indisvalid
    ) as covered
from pg_catalog.pg_inherits i
join pg_catalog.pg_class c on c.oid = i.inhrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where i.inhparent = to_regclass(:table)
order by n.nspname, c.relname

-- name: index-is-valid
-- Whether an index is valid: a build that failed leaves one that isn't.
--
-- Parameters: :index, qualified and quoted.
-- Returns one row, or none if there is no such index: answer.
select indisvalid as answer from pg_catalog.pg_index where indexrelid = to_regclass(:index)

-- fragment: held-columns
-- The names of the columns that an index x of pg_index holds, among its keys or included.
(
    select array_agg(a.attname::text)
    from unnest(x.indkey::int2[]) as k (attnum)
    join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
)

-- fragment: serves
-- Whether an index x of pg_index serves as one of the library's: it is valid and a B-tree, begins with the same keys in the order of their
-- types and columns, ascending or descending, holds the columns that are read from it, and has the same condition, or none
-- where an index without one serves as well.
--
-- Parameters: :keys and :covered, the names of columns; :condition, as PostgreSQL writes it, without casts, brackets, spaces and quotes
-- of names, empty for none; :unconditional, the names of the columns that an index without a condition holds, empty if none serves.
x.indisvalid
and x.indisready
and exists (
    select from pg_catalog.pg_class i join pg_catalog.pg_am m on m.oid = i.relam
    where i.oid = x.indexrelid and m.amname = 'btree'
)
and (
    select array_agg(a.attname::text order by k.place)
    from unnest(x.indkey::int2[]) with ordinality as k (attnum, place)
    left join pg_catalog.pg_attribute a
        on a.attrelid = x.indrelid
        and a.attnum = k.attnum
        and a.attcollation = x.indcollation[k.place::int - 1]
        and exists (
            select from pg_catalog.pg_opclass o where o.oid = x.indclass[k.place::int - 1] and o.opcdefault
        )
    where k.place <= least(cardinality(:keys::text[]), x.indnkeyatts)
) = :keys::text[]
and :covered::text[] <@ {held-columns}
and (
    (
        x.indpred is null
        and cardinality(:unconditional::text[]) > 0
        and :unconditional::text[] <@ {held-columns}
    )
    or regexp_replace(
        pg_get_expr(x.indpred, x.indrelid),
        $$::("[^"]*"|\w+)(\.("[^"]*"|\w+))?( varying)?(\(\d+\))?(\[\])?|[\s()"]$$,
        '',
        'g'
    ) = :condition::text
)

-- name: find-index
-- Which index of a table serves as one of the library's, found by its name or by what it consists of.
--
-- Parameters: :table, qualified and quoted; :own, the name that the library gives the index, not quoted; those of serves.
-- Returns one row, or none if there is no such table: indexable, whether it can have indexes; partitioned, whether it is; serving, the name
-- of the index, not quoted, or null; is_invalid, whether a build of the library's own has failed.
select
    c.relkind in ('r', 'm', 'p') as indexable,
    c.relkind = 'p' as partitioned,
    (
        select i.relname
        from pg_catalog.pg_index x
        join pg_catalog.pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.oid and ((x.indisvalid and i.relname = :own) or ({serves}))
        order by i.relname <> :own, i.relname
        limit 1
    ) as serving,
    exists (
        select
        from pg_catalog.pg_index x
        join pg_catalog.pg_class i on i.oid = x.indexrelid
        where x.indrelid = c.oid and i.relname = :own and not x.indisvalid
    ) as is_invalid
from pg_catalog.pg_class c
where c.oid = to_regclass(:table)

-- name: leaves
-- The tables below a partitioned table that hold rows, at every level, and whether an index of theirs serves as one of the library's; foreign
-- tables are left out.
--
-- Parameters: :table, qualified and quoted; those of serves. Returns: schema, name, is_served.
with recursive below as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
)

select
    n.nspname as schema,
    c.relname as name,
    exists (select from pg_catalog.pg_index x where x.indrelid = c.oid and ({serves})) as is_served
from below
join pg_catalog.pg_class c on c.oid = below.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind not in ('p', 'f')
order by n.nspname, c.relname

-- name: create-index
-- Creates an index, a script.
create index {concurrently}if not exists {index}
    on {table} {definition}
