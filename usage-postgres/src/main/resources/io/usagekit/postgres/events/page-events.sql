-- Events of a project that meet a filter, behind a place.
--
-- Parameters: :project_id; :most, how many rows at most; those of the filter's parts and of the place.
-- Returns the columns of an event, in the order of (created_at, id), ids by code points, in the direction {order}.
select
    {event_columns}
from {events} e
where e.project_id = :project_id
    {filter}
    {beyond}
order by e.created_at {order}, e.id collate "C" {order}
limit :most
