-- Who waits to write to a table that this transaction has locked, and holds what this transaction will have to wait for.
-- Parameters: :table, quoted; :related, the other tables that will be locked, quoted, as the text of an array.
-- Returns: name, what people call it.
with recursive live as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
),

needed as (
    select oid from live
    union all
    select to_regclass(name)::oid from unnest(:related::text[]) as name
)

select distinct 'process ' || l.pid as name
from pg_catalog.pg_locks l
join live on live.oid = l.relation
where not l.granted
    and l.pid <> pg_backend_pid()
    and exists (
        select from pg_catalog.pg_locks h join needed on needed.oid = h.relation where h.pid = l.pid and h.granted
    )
