-- The table that a foreign key refers to, quoted. Parameters: :referencing, a table, quoted; :constraint, the foreign key's name.
-- Returns: name.
select format('%I.%I', n.nspname, t.relname) as name
from pg_catalog.pg_constraint c
join pg_catalog.pg_class t on t.oid = c.confrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where c.contype = 'f' and c.conrelid = to_regclass(:referencing) and c.conname = :constraint
