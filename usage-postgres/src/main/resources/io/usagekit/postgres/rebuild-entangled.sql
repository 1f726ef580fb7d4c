-- Who waits to write to a table that this transaction has locked, and holds what this transaction will have to wait for.
-- Parameters: :table, quoted; :referring, the other tables that will be locked against everybody, and :referred, those that will be
-- against writers, quoted, as the texts of arrays.
-- Returns: name, what people call it.
with recursive live as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
),

needed as (
    select oid, true as against_everybody from live
    union all
    select to_regclass(name)::oid, true from unnest(:referring::text[]) as name
    union all
    select to_regclass(name)::oid, false from unnest(:referred::text[]) as name
)

select distinct 'process ' || l.pid as name
from pg_catalog.pg_locks l
join live on live.oid = l.relation
where not l.granted
    and l.pid <> pg_backend_pid()
    and exists (
        select from pg_catalog.pg_locks h
        join needed on needed.oid = h.relation
        where h.pid = l.pid
            and h.granted
            and (needed.against_everybody or h.mode not in ('AccessShareLock', 'RowShareLock'))
    )
