-- The columns that are copied, in their order, quoted: all but generated ones. Parameter: :table, quoted.
select quote_ident(attname) as name
from pg_catalog.pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
