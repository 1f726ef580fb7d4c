-- Tables of one database on each server of the cluster, none of which is ever updated. The tables *_local have a shard's rows; the others
-- read and write those of all shards. Times are counted from 1970-01-01T00:00:00Z, in the unit that the column's comment says.
--
-- Names: {database}, {cluster} and {engine}, that of the tables *_local; {on_cluster} is empty, or has each statement run on all servers.

-- name: create-database
create database if not exists {database}{on_cluster};

-- name: create-cells
-- What projects used, by UTC hour. Of the rows of a project's hour, the one with the highest version counts. The projection answers which
-- version is the highest without reading rows.
create table if not exists {database}.cell_local{on_cluster} (
    project         String comment 'id, as PostgreSQL writes it',
    hour            Int64 comment 'begin of the hour, in seconds' codec(Delta, ZSTD),
    version         Int64 comment 'of the cycle that shipped it' codec(Delta, ZSTD),
    received_volume Int64 comment 'events' codec(T64, ZSTD),
    received_bytes  Int64 comment 'octets of events' codec(T64, ZSTD),
    sent_volume     Int64 comment 'deliveries' codec(T64, ZSTD),
    sent_bytes      Int64 comment 'octets of deliveries' codec(T64, ZSTD),
    unmeasured      Int64 comment 'rows whose size is unknown' codec(T64, ZSTD),
    lost_sizes      Int64 comment 'rows that count without octets' codec(T64, ZSTD),
    projection highest_version (select max(version))
)
engine = {engine}
partition by toYYYYMM(toDateTime64(hour, 0, 'UTC'))
order by (project, hour, version);

-- name: create-distributed-cells
create table if not exists {database}.cell{on_cluster} as {database}.cell_local
engine = Distributed({cluster}, {database}, cell_local, cityHash64(project));

-- name: create-days
-- What proves without PostgreSQL that the cells of a project's UTC day are all there. Of the rows of a day, the one with the highest version counts.
create table if not exists {database}.day_local{on_cluster} (
    project  String comment 'id, as PostgreSQL writes it',
    day      Int64 comment 'begin of the day, in seconds' codec(Delta, ZSTD),
    version  Int64 comment 'of the cycle that shipped it' codec(Delta, ZSTD),
    versions Int64 comment 'sum of the versions of its cells' codec(Delta, ZSTD)
)
engine = {engine}
partition by toYYYYMM(toDateTime64(day, 0, 'UTC'))
order by (project, day, version);

-- name: create-distributed-days
-- On another shard than the cells, so that what one shard has lost is missed by what the other one has.
create table if not exists {database}.day{on_cluster} as {database}.day_local
engine = Distributed({cluster}, {database}, day_local, cityHash64(project) + 1);

-- name: create-projects
-- Whose a project is. Of its rows, the one with the highest version counts.
create table if not exists {database}.project_local{on_cluster} (
    project      String comment 'id, as PostgreSQL writes it',
    version      Int64 comment 'of the cycle that shipped it',
    organisation Nullable(String) comment 'id, as PostgreSQL writes it; null if it belongs to none',
    counts       Bool comment 'whether its usage is part of the figure of its organisation',
    is_missing   Bool comment 'whether PostgreSQL has sums of it, and not the project'
)
engine = {engine}
order by (project, version);

-- name: create-distributed-projects
create table if not exists {database}.project{on_cluster} as {database}.project_local
engine = Distributed({cluster}, {database}, project_local, cityHash64(project));

-- name: create-watermarks
-- Versions up to which all shards are complete, as far as each of them has the row.
create table if not exists {database}.watermark_local{on_cluster} (
    version        Int64 comment 'of the cycle',
    as_of          Int64 comment 'the state of PostgreSQL that it is, in microseconds',
    covered_from   Int64 comment 'hours from here on are complete, in seconds',
    covered_before Int64 comment 'hours before here are complete, in seconds',
    cells_from     Int64 comment 'the lowest version of cells and days that counts',
    projects_from  Int64 comment 'the lowest version of projects that counts',
    projects       Int64 comment 'sum of the newest versions of all projects, each less the one before projects_from'
)
engine = {engine}
order by version;

-- name: create-distributed-watermarks
-- No sharding key: each insert names its shard.
create table if not exists {database}.watermark{on_cluster} as {database}.watermark_local
engine = Distributed({cluster}, {database}, watermark_local);
