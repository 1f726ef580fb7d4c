-- How many events of a project meet a filter.
--
-- Parameters: :project_id, and those of the filter's parts.
-- Returns one row: events.
select count(*) as events
from {events} e
where e.project_id = :project_id
    {filter}
