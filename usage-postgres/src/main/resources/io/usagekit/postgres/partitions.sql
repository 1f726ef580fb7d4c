-- The direct partitions of a table: schema, name, and whether the parent's index :index covers them already (as it does those
-- created after it).
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
