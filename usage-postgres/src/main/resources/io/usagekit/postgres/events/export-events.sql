-- A project's events that meet a filter, behind a place: all of them, read bit by bit.
--
-- Parameters: :project_id; those of the filter's parts and of the place.
-- Returns the columns of an event, in the order of (created_at, id), ids by code points.
select
    {event_columns}
from {events} e
where e.project_id = :project_id
    {filter}
    {beyond}
order by e.created_at {order}, e.id collate "C" {order}
