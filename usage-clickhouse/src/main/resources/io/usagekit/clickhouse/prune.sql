-- Statements that remove cells which no reader asks for any more, from the rows of one server, or with {on_cluster} of all of them.

-- name: prunable-version
-- Parameters: :keep, how long readers may ask for an older state, in microseconds; :timeout, seconds.
-- Returns one row: the newest version that was complete before then, as all shards know; 0 if there is none.
select max(version) as version
from (
    select version
    from {database}.watermark
    where as_of < toUnixTimestamp64Micro(now64(6)) - :keep
    group by version
    having uniqExact(_shard_num) = ({count-shards})
)
settings {read-settings}

-- name: superseded-months
-- Months of the table {table} on this server of which at least a fifth of the rows is superseded, those with the most of these rows first. Rows of
-- one project and {key} supersede each other.
--
-- Parameters: :version, as prunable-version returns it; :months, how many; :timeout, seconds.
-- Returns the id of each month's partition.
select _partition_id as month
from {database}.{table}
where version <= :version
group by month
having count() >= 1.25 * uniqCombined64(project, {key})
order by count() - uniqCombined64(project, {key}) desc
limit :months
settings {read-settings}

-- name: remove-superseded
-- Of each {key} of the month {month} in the table {table}, the row with the highest version up to {version} stays, and those above it do: the rows after the first are
-- listed and removed, so that a limit of the server's own profile leaves rows behind rather than removing others. Ends when the rows are
-- removed; where it ends earlier, the server goes on.
alter table {database}.{table}{on_cluster} delete in partition id {month}
where version < {version}
    and (project, {key}, version) in (
        select project, {key}, version
        from {database}.{table}
        where _partition_id = {month} and version <= {version}
        order by project, {key}, version desc
        limit 1, 1000000000000 by project, {key}
    )
settings mutations_sync = 2, allow_nondeterministic_mutations = 1

-- name: remove-watermarks
-- Those before {version}.
alter table {database}.watermark_local{on_cluster} delete where version < {version}
settings mutations_sync = 2
