-- The backfill of the shadow table and its catch-up from the change log. {table} is the mapped table, {shadow} its shadow table,
-- {change_log} the log of changed keys, {key} and {created_at} the columns of the primary key and of the partitions' time.

-- name: create-change-log
-- Script: from here on each change of a row inserts its key into the change log. Runs under a SHARE ROW EXCLUSIVE lock, which waits for
-- the transactions that have written to the table and blocks others: each that writes later is logged, and each that wrote before has
-- ended before the first row is copied. {key.type} is the type of the key.
create table {change_log} (
    number bigint generated always as identity primary key,
    key {key.type} not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create function {log_change}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if tg_op <> 'INSERT' then
        insert into {change_log} (key) values (old.{key});
    end if;
    if tg_op = 'INSERT' or (tg_op = 'UPDATE' and new.{key}::text is distinct from old.{key}::text) then
        insert into {change_log} (key) values (new.{key});
    end if;
    return null;
end
$usagekit$;
revoke execute on function {log_change}() from public;

create trigger {trigger.change_log}
    after insert or update or delete on {table} for each row
    execute function {log_change}();
alter table {table} enable always trigger {trigger.change_log};

-- name: refuse-truncate
-- Script: rejects TRUNCATE of the table, and of each of its partitions, whose own TRUNCATE doesn't fire the parent's trigger.
-- {relation} is the table or partition, quoted; {name} the table's name as a literal.
create trigger {trigger.truncate}
    before truncate on {relation} for each statement
    execute function {partitions}.refuse_truncate({name});
alter table {relation} enable always trigger {trigger.truncate};

-- name: find-oldest-time
-- The time of the oldest row, infinite times apart.
--
-- Returns: oldest, timestamptz, null if there is none.
select min(l.{created_at})::timestamptz as oldest from {table} l where isfinite(l.{created_at})

-- name: copy-rows
-- Copies the next rows, in the order of their keys, in one snapshot. A row that exists in the shadow table has been changed
-- since, and its key is in the change log. {columns} are the columns; {after} is empty for the first rows, and after-position
-- for others.
--
-- Parameters: :rows, at most how many.
-- Returns: rows, how many there were; position, the last key, as text, null if there were none.
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

-- fragment: after-position
-- Of copy-rows: rows after the last key that is copied.
--
-- Parameters: :position, of the key's type.
where l.{key} > :position

-- name: find-changes
-- The changes that a batch applies: those up to a number that this snapshot sees.
--
-- Parameters: :rows, at most how many.
-- Returns: number, of the last one, 0 if there are none; changes, how many.
select coalesce(max(n.number), 0) as number, count(*) as changes
from (select number from {change_log} order by number limit :rows) as n

-- name: delete-changed-rows
-- Deletes the rows that were changed from the shadow table. An array rather than a join, so that the index is used whatever the
-- statistics of the new table say.
--
-- Parameters: :number, of the last change.
delete from {shadow} s
where s.{key} = any (array(select distinct n.key from {change_log} n where n.number <= :number))

-- name: insert-changed-rows
-- Inserts the rows that were changed into the shadow table as they are.
--
-- Parameters: :number, of the last change.
insert into {shadow} ({columns}) overriding system value
select {columns} from {table} l
where l.{key} = any (array(select distinct n.key from {change_log} n where n.number <= :number))

-- name: delete-changes
-- Deletes the changes that are applied, which are those that the snapshot sees: numbers aren't committed in their order.
--
-- Parameters: :number, of the last change.
delete from {change_log} where number <= :number

-- name: compare
-- Compares both tables in one snapshot.
--
-- Returns: live and copy, the rows of the table and of its shadow table; same, whether these have the same keys and times.
with live as (
    select count(*) as rows, sum(hashtextextended(l.{key}::text, extract(epoch from l.{created_at})::bigint)) as digest
    from {table} l
),

copy as (
    select count(*) as rows, sum(hashtextextended(s.{key}::text, extract(epoch from s.{created_at})::bigint)) as digest
    from {shadow} s
)

select live.rows as live, copy.rows as copy, live.digest is not distinct from copy.digest as same
from live, copy
