-- Whether a table is partitioned.
select relkind = 'p' as answer from pg_catalog.pg_class where oid = to_regclass(:table)
