-- The indexes of a table, those of its constraints among them; of a partitioned one those of the whole.
-- Parameters: :table, quoted; :created_at, the partitions' time; :role.
-- Returns: id, as in pg_class; name, quoted; is_primary, is_unique, is_constraint; definition, of a constraint what follows its
-- name, of an index what follows the table's; has_time, whether :created_at is among its keys; widened, whether it was
-- given it; time, :created_at, quoted as definitions have it.
select
    c.oid as id,
    quote_ident(c.relname) as name,
    x.indisprimary as is_primary,
    x.indisunique as is_unique,
    o.oid is not null as is_constraint,
    coalesce(
        pg_get_constraintdef(o.oid),
        substr(
            pg_get_indexdef(c.oid),
            1 + length(format(
                'CREATE %sINDEX %I ON %s%I.%I',
                case when x.indisunique then 'UNIQUE ' else '' end,
                c.relname,
                case when c.relkind = 'I' then 'ONLY ' else '' end,
                n.nspname,
                t.relname
            ))
        )
    ) as definition,
    exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid = t.oid and a.attname = :created_at and a.attnum = any (x.indkey[0: x.indnkeyatts - 1])
    ) as has_time,
    exists (select from {partitions}.widened w where w.role = :role and w.name = c.relname) as widened,
    quote_ident(:created_at::text) as time
from pg_catalog.pg_index x
join pg_catalog.pg_class c on c.oid = x.indexrelid
join pg_catalog.pg_class t on t.oid = x.indrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
left join pg_catalog.pg_constraint o on o.conindid = c.oid and o.contype in ('p', 'u') and o.conrelid = t.oid
where x.indrelid = to_regclass(:table) and x.indisvalid
order by x.indisprimary desc, c.oid
