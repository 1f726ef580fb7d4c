-- The mapped tables and their indexes in PostgreSQL's catalog.

-- name: columns
-- The columns of a table.
--
-- Parameters: :table, qualified and quoted.
-- Returns in the order of columns, and no row if there is no such table: name; type, a domain's base type; nullable.
select
    a.attname as name,
    coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text as type,
    not (a.attnotnull or t.typnotnull) as nullable
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass(:table) and a.attnum > 0 and not a.attisdropped
order by a.attnum

-- name: schema-exists
-- Whether there is such a schema.
--
-- Parameters: :schema, quoted.
-- Returns one row: answer.
select to_regnamespace(:schema) is not null as answer

-- name: create-schema
-- Creates a schema, a script. Needs CREATE on the database.
create schema {schema}

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

-- name: create-index
-- Creates an index, a script.
create index {concurrently}if not exists {index}
    on {table} {definition}
