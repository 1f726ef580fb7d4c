-- Whether a valid index without a condition begins with a column. Parameters: :table, quoted; :column.
select exists (
    select
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
    where i.indrelid = to_regclass(:table) and i.indisvalid and i.indpred is null and a.attname = :column
) as answer
