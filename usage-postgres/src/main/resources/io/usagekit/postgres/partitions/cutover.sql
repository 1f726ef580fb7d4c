-- The cut-over, in which the shadow table replaces the table. Tables in parameters are qualified and quoted, as to_regclass
-- reads them.

-- name: list-related-tables
-- The other tables that the cut-over locks, in the order of their names: those that refer to a table, also by triggers, and
-- those that it refers to.
--
-- Parameters: :table; :role.
-- Returns: name, quoted; refers, whether it refers to the table and its triggers change; the others are referred to by new
-- foreign keys.
with related as (
    select c.conrelid as oid, true as refers
    from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.confrelid = to_regclass(:table)
    union all
    select to_regclass(format('%I.%I', f.schema, f.referencing)), true
    from {partitions}.foreign_key f
    where f.role = :role
    union all
    select c.confrelid, false
    from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.conrelid = to_regclass(:table)
)

select format('%I.%I', n.nspname, t.relname) as name, bool_or(related.refers) as refers
from related
join pg_catalog.pg_class t on t.oid = related.oid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where t.oid <> to_regclass(:table) and not t.relispartition
group by 1
order by 1

-- name: find-transaction
-- The id of this transaction, which is assigned here at the latest.
--
-- Returns: id, as text.
select pg_current_xact_id()::text as id

-- name: clear-statistics
-- Discards the cached statistics of this transaction, so that pg_stat_activity is read again.
--
-- Returns: one row that isn't read.
select pg_stat_clear_snapshot()

-- name: list-snapshots
-- Transactions of this database that may hold a snapshot that doesn't see a transaction, since they took it before that was
-- committed; except those that queue for a lock on the table. A transaction whose snapshot this role may not see counts until it
-- ends.
--
-- Parameters: :table; :swapped_at, the transaction.
-- Returns: id, of the virtual transaction; name, of its session.
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

-- name: list-blocked-writers
-- Sessions that queue to write to a table that this transaction has locked, and hold locks that this transaction needs next: to
-- wait for them would be a deadlock.
--
-- Parameters: :table; :referring, the other tables to lock in ACCESS EXCLUSIVE mode; :referred, those to lock in SHARE ROW
-- EXCLUSIVE mode; qualified and quoted.
-- Returns: name, of the session.
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

-- name: list-lock-holders
-- Sessions that hold locks which conflict with those of the cut-over.
--
-- Parameters: :table, with its partitions; :referring, the other tables to lock in ACCESS EXCLUSIVE mode; :referred, those to
-- lock in SHARE ROW EXCLUSIVE mode; qualified and quoted.
-- Returns: name, of the session.
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

-- name: check-snapshots
-- Script: until the last of them has ended, writers whose snapshot is older than the rewritten table fail. {swapped_at} is the
-- transaction, as a literal.
create trigger {trigger.snapshot}
    before insert or update or delete on {table} for each statement
    execute function {partitions}.check_snapshot({swapped_at});
alter table {table} enable always trigger {trigger.snapshot};
