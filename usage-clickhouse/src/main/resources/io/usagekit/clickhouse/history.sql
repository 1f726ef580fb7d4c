-- Statements of readers that don't ask PostgreSQL. They read the state of one watermark: of each hour, day and project the row with the highest
-- version up to the watermark's, unless it is below the first one that counts.

-- name: newest-state
-- Parameter: :timeout, seconds.
-- Returns the newest watermark that all shards have; no row if there is none: version; as_of, in microseconds; covered_from and covered_before, in
-- seconds; cells_from and projects_from, versions; projects, what the versions of all projects add up to.
select version, as_of, covered_from, covered_before, cells_from, projects_from, projects
from (
    select
        version,
        max(watermark.as_of) as as_of,
        max(watermark.covered_from) as covered_from,
        max(watermark.covered_before) as covered_before,
        max(watermark.cells_from) as cells_from,
        max(watermark.projects_from) as projects_from,
        max(watermark.projects) as projects
    from {database}.watermark as watermark
    group by version
    having uniqExact(_shard_num) = ({count-shards})
)
order by version desc
limit 1
settings {read-settings}

-- name: projects-of-state
-- The projects that count, and what proves that none is missing: their versions are added up in the same read.
--
-- Parameters: :version and :projects_from, of the watermark; :organisation, if {of-organisation} names it; :timeout, seconds.
-- Returns at least one row: versions, Int128, the sum over all projects; projects, how many follow; by organisation and project, by the octets of their
-- ids: organisation; project; is_missing.
select versions, length(found) as projects, of.1 as organisation, of.2 as project, of.3 as is_missing
from (
    select
        sum(toInt128(newest) - :projects_from + 1) as versions,
        arraySort(groupArrayIf((ifNull(whose.1, ''), project, whose.3), whose.2 and {of-organisation})) as found
    from (
        select
            project,
            max(version) as newest,
            argMax((organisation, counts, is_missing), version) as whose
        from {database}.project
        where version <= :version and version >= :projects_from
        group by project
    )
)
left array join found as of
settings {read-settings}

-- fragment: of-one-organisation
whose.1 = :organisation

-- fragment: of-any-organisation
whose.1 is not null

-- name: sums-of-state
-- Sums of the hours of whole days, by project and slice.
--
-- Parameters: :version and :cells_from, of the watermark; :first and :last, the days [first, last), in seconds; :slices, of each of their hours the
-- number of its slice; :projects, ids, if {of-projects} names them; :timeout, seconds.
-- Returns one row for each project and slice with rows: project; slice; those of cell-sums.
select
    project,
    arrayElement(:slices, intDiv(hour - :first, 3600) + 1) as slice,
    {cell-sums}
from (
    select
        project,
        hour,
        {newest-cell}
    from {database}.cell
    where version <= :version and version >= :cells_from and hour >= :first and hour < :last and {of-projects}
    group by project, hour
)
group by project, slice
settings {read-settings}

-- name: versions-of-state
-- What the versions of the cells of whole days are to add up to, by project.
--
-- Parameters: :version and :cells_from, of the watermark; :first and :last, the days [first, last), in seconds; :projects, ids, if {of-projects}
-- names them; :timeout, seconds.
-- Returns one row for each project with rows: project; versions, Int128.
select project, sum(toInt128(of_day)) as versions
from (
    select project, argMax(versions, version) as of_day
    from {database}.day
    where version <= :version and version >= :cells_from and day >= :first and day < :last and {of-projects}
    group by project, day
)
group by project
settings {read-settings}

-- fragment: of-these-projects
project in (select arrayJoin(:projects))

-- fragment: of-any-project
true
