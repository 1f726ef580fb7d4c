-- An event of a project and its source, if that is saved.
--
-- Parameters: :project_id, :id.
-- Returns the columns of an event, and those of the source, or null: known_source_id, source_name, source_type.
select
    {event_columns},
    s.id as known_source_id,
    s.name as source_name,
    s.type as source_type
from {events} e
left join {sources} s on s.id = e.source_id and s.project_id = e.project_id
where e.id = :id and e.project_id = :project_id
