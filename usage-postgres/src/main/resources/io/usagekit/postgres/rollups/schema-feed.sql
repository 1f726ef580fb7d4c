-- The feed of another store with the roll-ups' sums, in a schema of its own beside theirs. Tables that exist stay, with what they hold.

-- One row: for which tables and triggers the ship list is complete, and what was published last.
create table if not exists {feed}.state (
    only_row boolean primary key default true check (only_row),
    version integer not null, -- of these tables
    project_id_type text not null,
    published bigint not null default 0, -- the version of the last cycle that has committed
    published_at timestamptz,
    projects_in_doubt boolean not null default true, -- whether the store may have projects of an attempt that failed, or from before
    cells_from bigint not null, -- cells of lower versions don't count: they are from before the feed was installed, or PostgreSQL restored
    projects_from bigint not null default 0, -- the same for projects, all of which were shipped in this version last
    relations oid[] not null, -- the roll-ups' tables with these triggers: others after they were created again
    triggers xid[] not null -- the versions (xmin) of the catalog's rows of the triggers: others after each ALTER
);

-- The versions of cells. No version is used twice, also where a cycle fails or PostgreSQL crashes: see next-version.
create sequence if not exists {feed}.version;

-- Has no rows: a cycle locks it before its snapshot, so that one runs at a time.
create table if not exists {feed}.cycle ();

-- The ship list: hours whose sums have changed since they were shipped. Append-only, with duplicates: a row is as visible as the change that
-- it stands for, and the row of another transaction can't stand for it.
create table if not exists {feed}.to_ship (
    project_id {project_id_type} not null,
    bucket timestamptz not null,
    since timestamptz not null default now(),
    unfit boolean not null default false -- the hour's sums weren't bigint when it was to be shipped
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
create index if not exists to_ship_project_id_bucket_idx on {feed}.to_ship (project_id, bucket);
alter table {feed}.to_ship replica identity full; -- a publication of all tables requires one for DELETE

-- The manifest: for each project and UTC day the version that each of its 24 hours was shipped in last, 0 for one that never was.
create table if not exists {feed}.shipped_day (
    project_id {project_id_type} not null,
    day date not null,
    versions bigint[] not null,
    version_sum bigint not null,
    primary key (project_id, day) include (version_sum)
) with (fillfactor = 80);

-- The same by UTC month: the sum of version_sum of its days, so that a whole month costs a reader one row.
create table if not exists {feed}.shipped_month (
    project_id {project_id_type} not null,
    month date not null, -- its first day
    version_sum bigint not null,
    primary key (project_id, month) include (version_sum)
) with (fillfactor = 80);

-- The projects as they were shipped last, in the form that the store has.
create table if not exists {feed}.shipped_project (
    project_id text collate "C" primary key,
    organisation_id text,
    counts boolean not null,
    is_missing boolean not null, -- the projects don't have it any more, and retention has kept sums of it
    version bigint not null
);

-- Appends the hours of changed sums to the ship list: those that a date of the years 1 to 9999 names.
create function {feed}.list_rolled() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    insert into {feed}.to_ship (project_id, bucket)
    select c.project_id, c.bucket from changed c where c.bucket >= {feed.from} and c.bucket < {feed.before};
    return null;
end
$usagekit$;

-- The same for retained sums, of quarters of an hour.
create function {feed}.list_retained() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    insert into {feed}.to_ship (project_id, bucket)
    select distinct c.project_id, date_trunc('hour', c.quarter, 'UTC')
    from changed c
    where c.quarter >= {feed.from} and c.quarter < {feed.before};
    return null;
end
$usagekit$;

-- Appends every hour that has been shipped or has sums.
create function {feed}.list_all() returns void
language sql security definer set search_path = pg_catalog, pg_temp as $usagekit$
    insert into {feed}.to_ship (project_id, bucket)
    select r.project_id, r.bucket
    from {rollups}.rollup r
    where r.bucket >= {feed.from} and r.bucket < {feed.before}
    union all
    select r.project_id, date_trunc('hour', r.quarter, 'UTC')
    from {rollups}.retained r
    where r.quarter >= {feed.from} and r.quarter < {feed.before}
    union all
    select s.project_id, (s.day + (v.n - 1) * interval '1 hour') at time zone 'UTC'
    from {feed}.shipped_day s
    cross join lateral unnest(s.versions) with ordinality as v (version, n)
    where v.version > 0
$usagekit$;

-- TRUNCATE of the roll-ups' sums fires no trigger for the rows.
create function {feed}.list_truncated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    perform {feed}.list_all();
    return null;
end
$usagekit$;

revoke execute on all functions in schema {feed} from public;

-- An update lists the hours of old rows and of new ones: a trigger has a name for the rows of both, and the function reads those of one name.
create trigger {feed.insert} after insert on {rollups}.rollup
    referencing new table as changed for each statement execute function {feed}.list_rolled();
create trigger {feed.delete} after delete on {rollups}.rollup
    referencing old table as changed for each statement execute function {feed}.list_rolled();
create trigger {feed.update_old} after update on {rollups}.rollup
    referencing old table as changed for each statement execute function {feed}.list_rolled();
create trigger {feed.update_new} after update on {rollups}.rollup
    referencing new table as changed for each statement execute function {feed}.list_rolled();
create trigger {feed.truncate} after truncate on {rollups}.rollup
    for each statement execute function {feed}.list_truncated();
create trigger {feed.insert} after insert on {rollups}.retained
    referencing new table as changed for each statement execute function {feed}.list_retained();
create trigger {feed.delete} after delete on {rollups}.retained
    referencing old table as changed for each statement execute function {feed}.list_retained();
create trigger {feed.update_old} after update on {rollups}.retained
    referencing old table as changed for each statement execute function {feed}.list_retained();
create trigger {feed.update_new} after update on {rollups}.retained
    referencing new table as changed for each statement execute function {feed}.list_retained();
create trigger {feed.truncate} after truncate on {rollups}.retained
    for each statement execute function {feed}.list_truncated();

-- They also fire in sessions with session_replication_role = replica.
alter table {rollups}.rollup enable always trigger {feed.insert};
alter table {rollups}.rollup enable always trigger {feed.delete};
alter table {rollups}.rollup enable always trigger {feed.update_old};
alter table {rollups}.rollup enable always trigger {feed.update_new};
alter table {rollups}.rollup enable always trigger {feed.truncate};
alter table {rollups}.retained enable always trigger {feed.insert};
alter table {rollups}.retained enable always trigger {feed.delete};
alter table {rollups}.retained enable always trigger {feed.update_old};
alter table {rollups}.retained enable always trigger {feed.update_new};
alter table {rollups}.retained enable always trigger {feed.truncate};

-- What was missed before these triggers is shipped again.
select {feed}.list_all();
insert into {feed}.state as s (version, project_id_type, cells_from, relations, triggers)
select {feed.version}, {feed.project_id_type}, v.last_value + 1, {feed.relations}, {feed.triggers}
from {feed}.version v
on conflict (only_row) do update
set version = excluded.version, project_id_type = excluded.project_id_type, relations = excluded.relations, triggers = excluded.triggers;
