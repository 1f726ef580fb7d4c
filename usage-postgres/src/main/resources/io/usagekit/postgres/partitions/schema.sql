-- The schema in which PostgresPartitions keeps the state of its work: its tables and functions, and the rows that describe one
-- table's rewrite. {partitions} is the schema, quoted. :role is the mapped table: events or deliveries.

-- name: create-state
-- Script: creates what is missing in the schema. It exists while a table is partitioned or being rewritten.
-- One row for each table that is partitioned or being rewritten.
create table if not exists {partitions}.state (
    role text primary key, -- events or deliveries
    step text, -- the interval by which the table is partitioned; null: it is plain
    target text, -- what it is being rewritten into: an interval, or PLAIN; null: no rewrite is under way
    phase text,
    position text, -- the last key that is backfilled
    total bigint not null default 0, -- rows to backfill, as estimated
    copied bigint not null default 0,
    swapped_at xid8, -- snapshots that don't see this transaction don't see all rows of the rewritten table
    steps bigint not null default 0 -- each step increments it, so that no two run at once
);

-- Unique indexes that were given the partitions' time, and lose it when the table becomes plain.
create table if not exists {partitions}.widened (
    role text not null,
    name text not null,
    primary key (role, name)
);

-- Foreign keys to a partitioned table, which triggers replace.
create table if not exists {partitions}.foreign_key (
    role text not null, -- of the table that they refer to
    schema text not null,
    referencing text not null,
    name text not null,
    definition text not null,
    validated boolean not null,
    functions text not null, -- the suffix of the names of its triggers' functions
    primary key (schema, referencing, name)
);

-- Foreign keys that are enforced for new rows and are still to be validated.
create table if not exists {partitions}.to_validate (
    role text not null, -- of the table that was rewritten
    schema text not null,
    referencing text not null,
    name text not null,
    definition text not null,
    primary key (schema, referencing, name)
);

-- TRUNCATE fires no row trigger, so the change log would miss it.
create or replace function {partitions}.refuse_truncate() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $usagekit$
begin
    raise exception 'cannot truncate table "%" while it is being rewritten', tg_argv[0]
        using
            errcode = 'object_in_use',
            hint = 'Retry after PostgresPartitions has finished, or undo the rewrite with its reverse call.';
end
$usagekit$;

-- A snapshot that is older than the rewritten table doesn't see all of its rows. The cut-over waits for readers; a writer that queued
-- for the table's lock meanwhile fails.
create or replace function {partitions}.check_snapshot() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if not pg_visible_in_snapshot(tg_argv[0]::xid8, pg_current_snapshot()) then
        raise exception 'could not serialize access: the table has been rewritten since this transaction''s snapshot'
            using errcode = 'serialization_failure';
    end if;
    return null;
end
$usagekit$;

-- name: is-in-use
-- Whether a table is partitioned or being rewritten, or foreign keys are still to be restored or validated.
--
-- Returns: answer.
select
    exists (select from {partitions}.state where step is not null or target is not null)
    or exists (select from {partitions}.foreign_key)
    or exists (select from {partitions}.to_validate) as answer

-- name: find-state
-- The state of a table; no row if it was never rewritten.
--
-- Parameters: :role.
-- Returns: step, the interval, null if the table is plain; target and phase, null if no rewrite is under way; total and copied,
-- in rows; swapped_at, the transaction of the cut-over, as text.
select step, target, phase, total, copied, swapped_at::text as swapped_at from {partitions}.state where role = :role

-- name: start-rewrite
-- Records that a rewrite started.
--
-- Parameters: :role; :target; :rows, how many to backfill.
insert into {partitions}.state as s (role, target, phase, total)
values (:role, :target, 'COPYING', :rows::bigint)
on conflict (role) do update
set target = excluded.target, phase = excluded.phase, position = null, total = excluded.total, copied = 0, swapped_at = null

-- name: start-step
-- The first statement of each step: two of them cannot run at once. Of two in REPEATABLE READ the second one fails (40001).
--
-- Parameters: :role; :phase, in which the rewrite must be.
-- Returns: position, the last key that is backfilled, as text, null before the first; no row if the rewrite is in another phase.
update {partitions}.state set steps = steps + 1
where role = :role and phase = :phase
returning position

-- name: save-position
-- Records the progress of the backfill.
--
-- Parameters: :role; :position, the last key; :rows, how many more.
update {partitions}.state set position = :position, copied = copied + :rows::bigint where role = :role

-- name: set-phase
-- Starts the next phase.
--
-- Parameters: :role; :phase.
update {partitions}.state set phase = :phase where role = :role

-- name: save-cut-over
-- Records that the shadow table replaced the table.
--
-- Parameters: :role; :step, the interval, empty if the table is plain; :swapped_at, the transaction. Changes no row if another
-- session was faster.
update {partitions}.state
set step = nullif(:step, ''), phase = 'FINISHING', swapped_at = :swapped_at::xid8
where role = :role and phase = 'CATCHING_UP'

-- name: end-rewrite
-- Records that no rewrite is under way.
--
-- Parameters: :role.
update {partitions}.state set target = null, phase = null, position = null, swapped_at = null where role = :role

-- name: delete-widened-indexes
-- Records that no unique index has been given the partitions' time.
--
-- Parameters: :role.
delete from {partitions}.widened where role = :role

-- name: insert-widened-index
-- Records that a unique index has been given the partitions' time.
--
-- Parameters: :role; :index, qualified and quoted.
insert into {partitions}.widened (role, name)
select :role, relname from pg_catalog.pg_class where oid = to_regclass(:index)
