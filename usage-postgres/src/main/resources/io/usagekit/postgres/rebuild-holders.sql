-- Who holds what this transaction wants to lock, in a mode that it would have to wait for.
-- Parameters: :table, quoted, with its partitions, and :referring, the other tables that will be locked against everybody, and
-- :referred, those that will be against writers, quoted, as the texts of arrays.
-- Returns: name, what people call it.
with recursive live as (
    select to_regclass(:table)::oid as oid
    union all
    select to_regclass(name)::oid from unnest(:referring::text[]) as name
    union all
    select i.inhrelid from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
),

needed as (
    select oid, true as against_everybody from live
    union all
    select to_regclass(name)::oid, false from unnest(:referred::text[]) as name
)

select distinct coalesce('process ' || h.pid, 'a prepared transaction') as name
from pg_catalog.pg_locks h
join needed on needed.oid = h.relation
where h.granted
    and h.pid is distinct from pg_backend_pid()
    and h.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
    and (needed.against_everybody or h.mode not in ('AccessShareLock', 'RowShareLock'))
