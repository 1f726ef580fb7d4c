-- Whether a relation is a table, partitioned or not, and whether tables that aren't its partitions inherit from it.
-- Parameter: :table, quoted.
select
    c.relkind in ('r', 'p') as is_table,
    c.relkind <> 'p' and exists (select from pg_catalog.pg_inherits i where i.inhparent = c.oid) as is_inherited
from pg_catalog.pg_class c
where c.oid = to_regclass(:table)
