-- Statements of readers.

-- fragment: read-settings
-- What a profile of the server may say otherwise, and would make a part of the rows pass for all of them: a shard that is away is an error;
-- groups of several shards become one; no limit cuts a result off; no earlier result is returned. Then the time that a statement may take; and that
-- no order of conditions is looked for, for which a server loads the statistics of all columns and months: conditions are on the sorting key.
skip_unavailable_shards = 0,
optimize_skip_unused_shards = 0,
optimize_distributed_group_by_sharding_key = 0,
distributed_group_by_no_merge = 0,
use_query_cache = 0,
limit = 0,
offset = 0,
read_overflow_mode = 'throw',
read_overflow_mode_leaf = 'throw',
result_overflow_mode = 'throw',
group_by_overflow_mode = 'throw',
set_overflow_mode = 'throw',
join_overflow_mode = 'throw',
timeout_overflow_mode = 'throw',
timeout_overflow_mode_leaf = 'throw',
max_execution_time = :timeout,
optimize_move_to_prewhere = 0

-- name: sums
-- Sums of ranges of hours, by project and slice: of each hour the row with the highest version up to one.
--
-- Parameters: :projects, an array; :first and :last, the range [first, last) of each of them, in seconds, or one around all of theirs, if
-- {in-ranges} joins them; :begins, those of the slices, in their order, in seconds; :version; :timeout, seconds.
-- Returns one row for each project and slice with rows: project; slice, its begin; those of cell-sums.
select
    project,
    roundDown(hour, cast(:begins, 'Array(Int64)')) as slice,
    {cell-sums}
from (
    select
        project,
        hour,
        {newest-cell}
    from {database}.cell
    where version <= :version
        -- Of the sorting key, so that other rows aren't read.
        and project in (select arrayJoin(:projects))
        and hour >= :first
        and hour < :last
    group by project, hour
) as cells
{in-ranges}
group by project, slice
settings {read-settings}

-- fragment: in-joined-ranges
-- Ranges of their own. Rows aren't joined before they are cells: that takes a server longer, and it would look up the statistics of each month to
-- choose the order of the join.
--
-- Parameters: :projects, :froms, :ends, arrays of the same length: a project and its range [from, end), in seconds; several of one project don't overlap.
all inner join (
    select range.1 as ranged, range.2 as from_hour, range.3 as end_hour
    from (select arrayJoin(arrayZip(:projects, :froms, :ends)) as range)
) as ranges on project = ranged
where hour >= from_hour and hour < end_hour

-- fragment: newest-cell
-- The columns of a project's hour: newest, the highest version of its rows, and cell, the sums of that row.
max(version) as newest,
argMax((received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes), version) as cell

-- fragment: cell-sums
-- Sums of such cells: received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, lost_sizes; and versions, that of their versions; all
-- Int128, which 2^64 cells don't exceed.
sum(toInt128(cell.1)) as received_volume,
sum(toInt128(cell.2)) as received_bytes,
sum(toInt128(cell.3)) as sent_volume,
sum(toInt128(cell.4)) as sent_bytes,
sum(toInt128(cell.5)) as unmeasured,
sum(toInt128(cell.6)) as lost_sizes,
sum(toInt128(newest)) as versions
