-- Statements that remove cells which no reader asks for any more, from the rows of one server, or with {on_cluster} of all of them.

-- name: prunable-version
-- Parameters: :keep, how long readers may ask for an older state, in microseconds; :timeout, seconds.
-- Returns one row: the newest version that was complete before then; 0 if there is none.
select max(version) as version
from {database}.watermark
where as_of < toUnixTimestamp64Micro(now64(6)) - :keep
settings {read-settings}

-- name: superseded-months
-- Months of this server of which at least a fifth of the rows is superseded, those with the most of these rows first.
--
-- Parameters: :version, as prunable-version returns it; :months, how many; :timeout, seconds.
-- Returns the id of each month's partition.
select _partition_id as month
from {database}.cell_local
where version <= :version
group by month
having count() >= 1.25 * uniqCombined64(project, hour)
order by count() - uniqCombined64(project, hour) desc
limit :months
settings {read-settings}

-- name: remove-superseded
-- Of each hour of the month {month}, the row with the highest version up to {version} stays, and those above it do: the rows after the first are
-- listed and removed, so that a limit of the server's own profile leaves rows behind rather than removing others. Ends when the rows are
-- removed; where it ends earlier, the server goes on.
alter table {database}.cell_local{on_cluster} delete in partition id {month}
where version < {version}
    and (project, hour, version) in (
        select project, hour, version
        from {database}.cell_local
        where _partition_id = {month} and version <= {version}
        order by project, hour, version desc
        limit 1, 1000000000000 by project, hour
    )
settings mutations_sync = 2, allow_nondeterministic_mutations = 1

-- name: remove-watermarks
-- Those before {version}.
alter table {database}.watermark_local{on_cluster} delete where version < {version}
settings mutations_sync = 2
