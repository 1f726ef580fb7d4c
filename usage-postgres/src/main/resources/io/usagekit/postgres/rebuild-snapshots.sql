-- Who may hold a snapshot that doesn't see a transaction, and isn't waiting for a table: the transactions of this database that
-- began to look before it was committed. Whose snapshots this role may not see counts for as long as a transaction lasts.
-- Parameters: :table, quoted; :swapped_at, the transaction.
-- Returns: id, of the transaction; name, what people call it.
with recursive live as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
)

select v.virtualtransaction as id, 'process ' || a.pid as name
from pg_catalog.pg_stat_activity a
join pg_catalog.pg_locks v on v.pid = a.pid and v.locktype = 'virtualxid' and v.granted and v.mode = 'ExclusiveLock'
where a.datname = current_database()
    and a.pid <> pg_backend_pid()
    and a.backend_type in ('client backend', 'background worker')
    and (
        age(a.backend_xmin) >= age(:swapped_at::xid8::xid)
        or (a.backend_xmin is null and a.query = '<insufficient privilege>')
    )
    and not exists (
        select from pg_catalog.pg_locks l join live on live.oid = l.relation where l.pid = a.pid and not l.granted
    )
order by a.pid
