-- Copies the next rows, in the order of their keys, in one snapshot. A row that is there already has been changed since, and stands
-- in the notes. Parameters: :position (unless it's the first time); :rows, at most how many.
-- Returns: rows, how many there were, bigint; position, the last key, as text.
with batch as materialized (
    select l.* from {table} l
    {after}
    order by l.{key}
    limit :rows
),

copied as (
    insert into {shadow} ({columns}) overriding system value
    select {columns} from batch
    on conflict do nothing
)

select
    (select count(*) from batch) as rows,
    (select b.{key}::text from batch b order by b.{key} desc limit 1) as position
