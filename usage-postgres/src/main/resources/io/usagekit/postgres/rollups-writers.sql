-- The transactions that write to the host's tables or their partitions: those that hold RowExclusiveLock on one. Also
-- prepared ones, which have no process.
-- Parameters: :events, :deliveries, quoted.
-- Returns: the virtual transaction; whether it is prepared; what people call it (a process, a prepared transaction).
with recursive host_table as (
    select to_regclass(:events)::oid as oid
    union
    select to_regclass(:deliveries)::oid
    union
    select i.inhrelid from host_table h join pg_catalog.pg_inherits i on i.inhparent = h.oid
)

select
    l.virtualtransaction as id,
    bool_or(l.pid is null) as prepared,
    coalesce('process ' || min(l.pid), 'a prepared transaction') as name
from pg_catalog.pg_locks l
join host_table h on h.oid = l.relation
where l.locktype = 'relation'
    and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and l.mode = 'RowExclusiveLock'
    and l.granted
    and l.pid is distinct from pg_backend_pid()
group by l.virtualtransaction
order by l.virtualtransaction
