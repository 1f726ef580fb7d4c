-- Roll-ups of usage by project and UTC hour, kept beside the host's tables; nothing here is anybody else's.
-- The state says what they were made for: a calculator with another mapping doesn't use them.

create schema {rollups};

-- One row. Buckets of [project.covered_from, covered_before) are rolled.
create table {rollups}.state (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    settings text not null,
    covered_before timestamptz, -- null: nothing is rolled yet
    steps bigint not null default 0 -- each step of the worker counts itself here, so that no two run at once
);
insert into {rollups}.state (version, settings) values ({version}, {settings});

-- Projects whose rows are rolled. A project that isn't here yet is read live.
create table {rollups}.project (
    project_id {project_id_type} primary key,
    covered_from timestamptz not null -- -infinity: since ever
);
create index project_backfill_idx on {rollups}.project (covered_from) where covered_from > '-infinity';

-- The sums of a project's hour; no row: nothing happened in it. Sums of bytes are as wide as PostgreSQL makes them: whether
-- they fit a bigint is for the reader to say.
create table {rollups}.rollup (
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    received_volume bigint not null,
    received_bytes numeric not null,
    sent_volume bigint not null,
    sent_bytes numeric not null,
    unmeasured bigint not null, -- rows whose size is neither stored nor measurable
    primary key (project_id, bucket)
        include (received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
) with (fillfactor = 90);

-- Hours in which something changed after they may have been rolled: read live until they are rolled anew. Append-only, with
-- duplicates: a mark is as visible as the change that it stands for, and another transaction's can't stand in for it.
create table {rollups}.mark (
    project_id {project_id_type} not null,
    bucket timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index mark_project_id_bucket_idx on {rollups}.mark (project_id, bucket);

-- Events whose size changed, or that went. They stand for the hours of all their deliveries, also of those that the changing
-- transaction can't see: whoever reads this table looks the deliveries up in its own snapshot.
create table {rollups}.changed_event (
    event_id {event_id_type} not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Rolled deliveries whose event wasn't there. If it comes after all, their hours are read live.
create table {rollups}.orphan (
    id bigint generated always as identity primary key,
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    event_id {event_id_type} not null
);
create index orphan_project_id_bucket_idx on {rollups}.orphan (project_id, bucket);

-- Sums of rows that retention has deleted, by quarters of an hour, so that months and days of every time zone are still told
-- apart. They are nowhere else: what is rolled can be rolled anew, these can't.
create table {rollups}.retained (
    project_id {project_id_type} not null,
    quarter timestamptz not null,
    received_volume bigint not null,
    received_bytes numeric not null,
    sent_volume bigint not null,
    sent_bytes numeric not null,
    unmeasured bigint not null,
    primary key (project_id, quarter)
        include (received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
) with (fillfactor = 90);

-- What a step of the worker rolls; empty between steps.
create table {rollups}.span (
    project_id {project_id_type} not null,
    lower timestamptz not null,
    upper timestamptz not null
);

-- Changes of rows older than this (seconds since 1970) are marked. A sequence, since it is read outside of any snapshot. Until
-- the worker runs for the first time nothing is rolled, and nothing needs a mark.
create sequence {rollups}.mark_before minvalue -9223372036854775808;
-- Whoever writes to the host's tables evaluates the triggers' guards with privileges of its own.
grant select on sequence {rollups}.mark_before to public;
select setval({mark_before}::regclass, -62135596800, true);

-- Nothing counts as rolled any more; figures are computed from raw rows until the worker has rolled them anew. Always changes
-- the state, so that a transaction whose snapshot is older than the worker's last step fails (40001) rather than miss it.
create function {rollups}.forget() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    update {rollups}.state set covered_before = null, steps = steps + 1;
    delete from {rollups}.project;
end
$usagekit$;

-- Where a mapped column was renamed or dropped the host's write goes on. Nobody can roll such tables, so that what is forgotten
-- stays so.
create function {rollups}.column_is_gone() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if exists (select from {rollups}.state where covered_before is not null) then
        perform {rollups}.forget();
    end if;
end
$usagekit$;

-- Marks the hours of a row as it was and as it is; nulls where it wasn't there before, or isn't there any more.
create function {rollups}.mark_hours(
    old_project_id {rollups}.mark.project_id%type,
    old_created_at timestamptz,
    new_project_id {rollups}.mark.project_id%type,
    new_created_at timestamptz
) returns void
language plpgsql set search_path = {operators} as $usagekit$
begin
    insert into {rollups}.mark (project_id, bucket)
    select distinct c.project_id, date_trunc('hour', c.created_at, 'UTC')
    from (values (old_project_id, old_created_at), (new_project_id, new_created_at)) as c (project_id, created_at)
    where c.project_id is not null and isfinite(c.created_at);
end
$usagekit$;

-- In a function that is called for an insert the old row is null, and so are its columns; for a deletion the new one is.

create function {rollups}.event_changed() returns trigger
language plpgsql security definer set search_path = {operators} as $usagekit$
begin
    if tg_op = 'UPDATE'
        and old.{event.project_id} is not distinct from new.{event.project_id}
        and old.{event.created_at} is not distinct from new.{event.created_at}
        and {event.old_live} is not distinct from {event.new_live}
        and {event.old_octets} is not distinct from {event.new_octets}
    then
        return null;
    end if;
    perform {rollups}.mark_hours(
        old.{event.project_id}, old.{event.created_at}, new.{event.project_id}, new.{event.created_at}
    );
    return null;
exception when undefined_column then
    perform {rollups}.column_is_gone();
    return null;
end
$usagekit$;

create function {rollups}.event_size_changed() returns trigger
language plpgsql security definer set search_path = {operators} as $usagekit$
begin
    -- Retention deletes events of which its snapshot knows no delivery, in a step: whoever rolls one later sees the deletion.
    if tg_op = 'DELETE' and exists (select from {rollups}.state s where s.xmin = pg_current_xact_id()::xid) then
        return null;
    end if;
    insert into {rollups}.changed_event (event_id)
    select old.{event.id}
    where old.{event.id} is not null;
    if tg_op = 'UPDATE' then
        insert into {rollups}.changed_event (event_id)
        select new.{event.id}
        where new.{event.id} is distinct from old.{event.id} and new.{event.id} is not null;
    end if;
    return null;
exception when undefined_column then
    perform {rollups}.column_is_gone();
    return null;
end
$usagekit$;

create function {rollups}.delivery_changed() returns trigger
language plpgsql security definer set search_path = {operators} as $usagekit$
declare
    was_delivered boolean;
    is_delivered boolean;
begin
    was_delivered := coalesce(old.{delivery.status} in ({delivered_statuses}), false);
    is_delivered := coalesce(new.{delivery.status} in ({delivered_statuses}), false);
    if (not was_delivered and not is_delivered)
        or (
            was_delivered and is_delivered
            and old.{delivery.project_id} is not distinct from new.{delivery.project_id}
            and old.{delivery.event_id} is not distinct from new.{delivery.event_id}
            and old.{delivery.created_at} is not distinct from new.{delivery.created_at}
        )
    then
        return null;
    end if;
    perform {rollups}.mark_hours(
        old.{delivery.project_id}, old.{delivery.created_at}, new.{delivery.project_id}, new.{delivery.created_at}
    );
    return null;
exception when undefined_column then
    perform {rollups}.column_is_gone();
    return null;
end
$usagekit$;

-- A table that was emptied at once fires no trigger for its rows: what was rolled counts no more, and is rolled anew.
create function {rollups}.table_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    perform {rollups}.forget();
    return null;
end
$usagekit$;

revoke execute on all functions in schema {rollups} from public;

-- The guards stand in WHEN, so that a write of recent rows calls no function, and are short, since PostgreSQL reads them anew for
-- each statement. A row isn't recent, either, if the threshold isn't set. Whether a late change changes any sum is for the
-- function to say.

create trigger {trigger.insert}
    after insert on {events} for each row
    when ((new.{event.created_at} >= {threshold}) is not true)
    execute function {rollups}.event_changed();

create trigger {trigger.delete}
    after delete on {events} for each row
    when ((old.{event.created_at} >= {threshold}) is not true)
    execute function {rollups}.event_changed();

create trigger {trigger.update}
    after update on {events} for each row
    when ((least(old.{event.created_at}, new.{event.created_at}) >= {threshold}) is not true)
    execute function {rollups}.event_changed();

create trigger {trigger.size_delete}
    after delete on {events} for each row
    execute function {rollups}.event_size_changed();

create trigger {trigger.size_update}
    after update on {events} for each row
    when (
        old.{event.id} is distinct from new.{event.id}
        or {event.old_octets} is distinct from {event.new_octets}
    )
    execute function {rollups}.event_size_changed();

create trigger {trigger.truncate}
    after truncate on {events} for each statement
    execute function {rollups}.table_truncated();

create trigger {trigger.insert}
    after insert on {deliveries} for each row
    when ((new.{delivery.created_at} >= {threshold}) is not true)
    execute function {rollups}.delivery_changed();

create trigger {trigger.delete}
    after delete on {deliveries} for each row
    when ((old.{delivery.created_at} >= {threshold}) is not true)
    execute function {rollups}.delivery_changed();

create trigger {trigger.update}
    after update on {deliveries} for each row
    when ((least(old.{delivery.created_at}, new.{delivery.created_at}) >= {threshold}) is not true)
    execute function {rollups}.delivery_changed();

create trigger {trigger.truncate}
    after truncate on {deliveries} for each statement
    execute function {rollups}.table_truncated();

-- Also for what replication applies and for sessions with session_replication_role = replica.
alter table {events} enable always trigger {trigger.insert};
alter table {events} enable always trigger {trigger.delete};
alter table {events} enable always trigger {trigger.update};
alter table {events} enable always trigger {trigger.size_delete};
alter table {events} enable always trigger {trigger.size_update};
alter table {events} enable always trigger {trigger.truncate};
alter table {deliveries} enable always trigger {trigger.insert};
alter table {deliveries} enable always trigger {trigger.delete};
alter table {deliveries} enable always trigger {trigger.update};
alter table {deliveries} enable always trigger {trigger.truncate};
