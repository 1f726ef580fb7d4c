-- The other tables that a rebuild's last step has to do with: those that refer to a table, also by triggers, and those that it
-- refers to; quoted, in the order of their names. Parameters: :table, quoted; :role.
with related as (
    select t.oid
    from pg_catalog.pg_constraint c
    join pg_catalog.pg_class t on t.oid in (c.conrelid, c.confrelid)
    where c.contype = 'f' and to_regclass(:table) in (c.conrelid, c.confrelid)
    union
    select to_regclass(format('%I.%I', f.schema, f.referencing))
    from {partitions}.foreign_key f
    where f.role = :role
)

select format('%I.%I', n.nspname, t.relname) as name
from related
join pg_catalog.pg_class t on t.oid = related.oid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where t.oid <> to_regclass(:table) and not t.relispartition
order by 1
