-- The foreign keys of a table, those of a partitioned one as a whole. Parameter: :table, quoted.
-- Returns: name; definition, without NOT VALID; validated.
select
    conname as name,
    regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') as definition,
    convalidated as validated
from pg_catalog.pg_constraint
where conrelid = to_regclass(:table) and contype = 'f' and conparentid = 0
order by oid
