-- Roll-ups of usage by project and UTC hour, in a schema of their own beside the host's tables.
-- The state says which version and mapping they were made for: a calculator with another one doesn't use them.

-- One row. A project's hours in [project.covered_from, covered_before) are rolled.
create table {rollups}.state (
    only_row boolean primary key default true check (only_row),
    version integer not null,
    settings text not null,
    covered_before timestamptz, -- null: nothing is rolled yet
    steps bigint not null default 0 -- counts the worker's steps, so that no two of them run at once
);
insert into {rollups}.state (version, settings) values ({version}, {settings});

-- Projects whose rows are rolled. A project without a row here is read live.
create table {rollups}.project (
    project_id {project_id_type} primary key,
    covered_from timestamptz not null -- -infinity: the whole history
);
create index project_backfill_idx on {rollups}.project (covered_from) where covered_from > '-infinity';

-- The sums of a project's hour; an hour without usage has no row. Sums of bytes are numeric; statements that read figures check
-- whether they fit bigint.
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

-- Dirty marks: hours in which a row changed after the hour may have been rolled. They are read live until they are re-rolled.
-- Append-only, with duplicates: a mark is as visible as the change that it stands for, and the mark of another transaction can't
-- stand for it.
create table {rollups}.mark (
    project_id {project_id_type} not null,
    bucket timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index mark_project_id_bucket_idx on {rollups}.mark (project_id, bucket);

-- The change log: events whose size changed, or that were deleted. A row stands for the hours of all deliveries of the event, also
-- of those that the changing transaction can't see: readers of this table look the deliveries up in their own snapshot.
create table {rollups}.changed_event (
    event_id {event_id_type} not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Orphans: rolled deliveries whose event was missing. If the event arrives late, their hours are read live.
create table {rollups}.orphan (
    id bigint generated always as identity primary key,
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    event_id {event_id_type} not null
);
create index orphan_project_id_bucket_idx on {rollups}.orphan (project_id, bucket);

-- Retained sums: what rows counted that retention has deleted, by quarters of an hour, so that months and days of every time zone
-- can be computed. Unlike rolled sums they can't be computed again, since their rows are deleted: the table is kept when roll-ups are
-- replaced.
create table if not exists {rollups}.retained (
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

-- The ranges of hours that a step of the worker rolls; empty between steps.
create table {rollups}.span (
    project_id {project_id_type} not null,
    lower timestamptz not null,
    upper timestamptz not null
);

-- The watermark, in seconds since 1970: a change of a row that is older leaves a dirty mark. It is a sequence, since sequences are
-- read outside of any snapshot. Until the worker's first run nothing is rolled, and no change needs a mark.
create sequence {rollups}.mark_before minvalue -9223372036854775808;
-- Every role that writes to the host's tables evaluates the triggers' guards with its own privileges.
grant select on sequence {rollups}.mark_before to public;
select setval({mark_before}::regclass, -62135596800, true);

-- Records that nothing is rolled; figures are computed from raw rows until the worker has rolled them from scratch. Always changes
-- the state, so that a transaction whose snapshot is older than the worker's last step fails (40001) rather than miss it.
create function {rollups}.forget() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    update {rollups}.state set covered_before = null, steps = steps + 1;
    delete from {rollups}.project;
end
$usagekit$;

-- Called where a mapped column was renamed or dropped: the host's write succeeds. The worker can't roll such tables, so nothing is
-- rolled from then on.
create function {rollups}.column_is_gone() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if exists (select from {rollups}.state where covered_before is not null) then
        perform {rollups}.forget();
    end if;
end
$usagekit$;

-- Marks the hours of a row before and after a change; the old columns are null for an insert, the new ones for a deletion.
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

-- In the trigger functions below, old and its columns are null for an insert, new and its columns for a deletion.

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
            and {delivery.has_same_size}
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

-- TRUNCATE fires no trigger for the rows: nothing is rolled from then on, until the worker rolls it from scratch.
create function {rollups}.table_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    perform {rollups}.forget();
    return null;
end
$usagekit$;

revoke execute on all functions in schema {rollups} from public;
