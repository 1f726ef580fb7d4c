-- The columns of a table: name, type (a domain's base type) and whether it may be null. No row: there is no such table.
select
    a.attname as name,
    coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text as type,
    not (a.attnotnull or t.typnotnull) as nullable
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass(:table) and a.attnum > 0 and not a.attisdropped
order by a.attnum
