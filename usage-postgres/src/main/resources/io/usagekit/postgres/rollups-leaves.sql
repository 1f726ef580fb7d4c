-- The tables below a partitioned one, at every level: schema, name, and whether a trigger of this name stands on it. No row:
-- the table isn't partitioned. Parameters: :table, quoted; :trigger.
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
