-- The sequences of a table's columns. Parameter: :table, quoted.
-- Returns: schema and name of the sequence, and column, quoted; is_identity, whether it can't belong to another table.
select
    quote_ident(n.nspname) as schema,
    quote_ident(s.relname) as name,
    quote_ident(a.attname) as "column",
    d.deptype = 'i' as is_identity
from pg_catalog.pg_depend d
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
join pg_catalog.pg_namespace n on n.oid = s.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass
    and d.refobjid = to_regclass(:table)
    and d.deptype in ('a', 'i')
order by s.oid
