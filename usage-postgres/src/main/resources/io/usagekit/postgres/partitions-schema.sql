-- What is known of partitioned tables, in a schema of its own, for as long as there is something to know.

create schema if not exists {partitions};

-- One row a table that is partitioned, or is being rebuilt.
create table if not exists {partitions}.state (
    role text primary key, -- events or deliveries
    step text, -- by what the table is partitioned; null: it is plain
    target text, -- what it is being rebuilt into: a step, or PLAIN; null: it isn't
    phase text,
    position text, -- the last key that is copied
    total bigint not null default 0, -- rows to copy, as estimated
    copied bigint not null default 0,
    swapped_at xid8, -- who doesn't see this transaction doesn't see all rows of the rebuilt table
    steps bigint not null default 0 -- each step counts itself here, so that no two run at once
);

-- Unique indexes that were given the partitions' time, and are to lose it again.
create table if not exists {partitions}.widened (
    role text not null,
    name text not null,
    primary key (role, name)
);

-- Foreign keys to a partitioned table, which triggers stand in for.
create table if not exists {partitions}.foreign_key (
    role text not null, -- that they refer to
    schema text not null,
    referencing text not null,
    name text not null,
    definition text not null,
    validated boolean not null,
    functions text not null, -- what those of the triggers are called, but for their prefixes
    primary key (schema, referencing, name)
);

-- Foreign keys that hold for new rows and are still to be validated.
create table if not exists {partitions}.to_validate (
    role text not null, -- that was rebuilt
    schema text not null,
    referencing text not null,
    name text not null,
    definition text not null,
    primary key (schema, referencing, name)
);

-- Emptying a table at once leaves no note of its rows.
create or replace function {partitions}.refuse_truncate() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $usagekit$
begin
    raise exception 'the table % is being rebuilt and can''t be truncated meanwhile', tg_argv[0]
        using errcode = 'object_in_use';
end
$usagekit$;

-- Whose snapshot is older than the rebuilt table doesn't see all of its rows. Whoever reads is waited for; whoever waited to write
-- fails.
create or replace function {partitions}.check_snapshot() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if not pg_visible_in_snapshot(tg_argv[0]::xid8, pg_current_snapshot()) then
        raise exception 'could not serialize access: the table has been rebuilt since this transaction''s snapshot'
            using errcode = 'serialization_failure';
    end if;
    return null;
end
$usagekit$;
