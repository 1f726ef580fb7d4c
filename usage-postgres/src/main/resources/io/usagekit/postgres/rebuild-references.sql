-- The foreign keys that refer to a table. Parameter: :table, quoted.
-- Returns: schema and referencing, the table that refers; name; definition, without NOT VALID; validated; column and key, quoted; the
-- operators that compare them, as OPERATOR() has them; on_delete and on_update as in pg_constraint; timing, as it follows CREATE
-- CONSTRAINT TRIGGER.
select
    n.nspname as schema,
    t.relname as referencing,
    c.conname as name,
    regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') as definition,
    c.convalidated as validated,
    quote_ident(a.attname) as "column",
    quote_ident(k.attname) as key,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conpfeqop[1]
    ) as key_equals_column,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conppeqop[1]
    ) as key_equals_key,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conffeqop[1]
    ) as column_equals_column,
    c.confdeltype as on_delete,
    c.confupdtype as on_update,
    case
        when c.condeferred then 'deferrable initially deferred'
        when c.condeferrable then 'deferrable'
        else 'not deferrable'
    end as timing
from pg_catalog.pg_constraint c
join pg_catalog.pg_class t on t.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
join pg_catalog.pg_attribute k on k.attrelid = c.confrelid and k.attnum = c.confkey[1]
where c.confrelid = to_regclass(:table) and c.contype = 'f' and c.conparentid = 0
order by c.oid
