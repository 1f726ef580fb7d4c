-- The type of a column, as a column definition writes it; its collation where it isn't that of the type (else empty); and the
-- schema of the type, where its operators are, quoted.
-- Parameters: :table, quoted; :column.
select
    format_type(coalesce(nullif(t.typbasetype, 0), t.oid), -1) as type,
    coalesce((
        select quote_ident(n.nspname) || '.' || quote_ident(c.collname)
        from pg_catalog.pg_collation c
        join pg_catalog.pg_namespace n on n.oid = c.collnamespace
        where c.oid = a.attcollation and a.attcollation <> t.typcollation
    ), '') as collation,
    (
        select quote_ident(n.nspname)
        from pg_catalog.pg_type base
        join pg_catalog.pg_namespace n on n.oid = base.typnamespace
        where base.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
    ) as schema
from pg_catalog.pg_attribute a
join pg_catalog.pg_type t on t.oid = a.atttypid
where a.attrelid = to_regclass(:table) and a.attname = :column and not a.attisdropped
