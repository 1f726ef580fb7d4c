-- The partitions of a table, in the order of their times, the default one last. Parameter: :table, quoted.
-- Returns: schema, name; lower and upper, timestamptz, null for the default partition; rows, as estimated, -1 where never counted.
select
    n.nspname as schema,
    c.relname as name,
    b.bounds[1]::timestamptz as lower,
    b.bounds[2]::timestamptz as upper,
    c.reltuples::bigint as rows
from pg_catalog.pg_inherits i
join pg_catalog.pg_class c on c.oid = i.inhrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral regexp_match(
    pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$
) as b (bounds) on true
where i.inhparent = to_regclass(:table)
order by lower nulls last
