-- The other tables that a rebuild's last step has to do with, quoted, in the order of their names: those that refer to a table, also
-- by triggers, and those that it refers to.
-- Parameters: :table, quoted; :role.
-- Returns: name; refers, whether it does: its triggers change; of others the foreign keys do that refer to them.
with related as (
    select c.conrelid as oid, true as refers
    from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.confrelid = to_regclass(:table)
    union all
    select to_regclass(format('%I.%I', f.schema, f.referencing)), true
    from {partitions}.foreign_key f
    where f.role = :role
    union all
    select c.confrelid, false
    from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.conrelid = to_regclass(:table)
)

select format('%I.%I', n.nspname, t.relname) as name, bool_or(related.refers) as refers
from related
join pg_catalog.pg_class t on t.oid = related.oid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where t.oid <> to_regclass(:table) and not t.relispartition
group by 1
order by 1
