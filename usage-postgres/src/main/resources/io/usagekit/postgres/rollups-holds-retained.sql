-- Whether retention has kept sums in a schema; asks for no privilege. Parameter: :schema, not quoted.
select exists (
    select
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema and c.relname = 'retained' and coalesce(pg_relation_size(c.oid), 0) > 0
) as answer
