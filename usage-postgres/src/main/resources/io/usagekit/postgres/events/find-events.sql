-- Events of a project by id.
--
-- Parameters: :project_id; :ids, text[].
-- Returns the columns of an event, in no particular order.
select
    {event_columns}
from {events} e
where e.id = any (:ids::text[]) and e.project_id = :project_id
