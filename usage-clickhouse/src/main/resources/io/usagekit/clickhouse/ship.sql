-- Statements of the feed. Each insert ends when all shards have the rows, or fails; what one has inserted before it fails stays there, in a
-- version that is never published.

-- fragment: insert-settings
-- Nothing is sent later or dropped: neither by the server nor by the distributed table. Where tables are replicated, most replicas of a shard have
-- the rows. A statement may fill any number of months.
async_insert = 0,
distributed_foreground_insert = 1,
insert_distributed_one_random_shard = 0,
insert_quorum = 'auto',
max_partitions_per_insert_block = 0

-- name: highest-version
-- Parameters: :timeout, seconds.
-- Returns one row: the highest version of any row, published or not; 0 if there are none.
select greatest(
    (select max(version) from {database}.cell),
    (select max(version) from {database}.day),
    (select max(version) from {database}.project),
    (select max(version) from {database}.watermark)
) as version
settings {read-settings}

-- name: insert-cells
-- Parameters of each row: :project, text; :hour, its begin in seconds; :version; :received_volume, :received_bytes, :sent_volume, :sent_bytes,
-- :unmeasured, :lost_sizes.
insert into {database}.cell (
    project, hour, version, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes
)
settings {insert-settings}
values (:project, :hour, :version, :received_volume, :received_bytes, :sent_volume, :sent_bytes, :unmeasured, :lost_sizes)

-- name: insert-days
-- Parameters of each row: :project, text; :day, its begin in seconds; :version; :versions.
insert into {database}.day (project, day, version, versions)
settings {insert-settings}
values (:project, :day, :version, :versions)

-- name: insert-projects
-- Parameters of each row: :project, text; :version; :organisation, text or null; :counts; :is_missing.
insert into {database}.project (project, version, organisation, counts, is_missing)
settings {insert-settings}
values (:project, :version, :organisation, :counts, :is_missing)

-- name: shards
-- Returns one row: how many shards the cluster has; 0 if there is no such cluster.
{count-shards}

-- fragment: count-shards
select uniqExact(shard_num) as shards from system.clusters where cluster = {cluster_name}

-- name: insert-watermark
-- Inserts into one shard: {shard}, from 1 on.
-- Parameters: :version; :as_of, in microseconds; :covered_from, :covered_before, in seconds; :cells_from, :projects_from, versions; :projects, what
-- their versions add up to.
insert into {database}.watermark (
    version, as_of, covered_from, covered_before, cells_from, projects_from, projects
)
settings {insert-settings}, insert_shard_id = {shard}
values (:version, :as_of, :covered_from, :covered_before, :cells_from, :projects_from, :projects)
