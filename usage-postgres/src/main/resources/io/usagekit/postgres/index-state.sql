-- Whether an index is valid. No row: there is no such index.
select indisvalid as answer from pg_catalog.pg_index where indexrelid = to_regclass(:index)
