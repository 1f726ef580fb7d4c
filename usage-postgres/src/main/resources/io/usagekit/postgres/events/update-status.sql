-- Replaces the status of an event of a project.
--
-- Parameters: :project_id, :id, :status.
update {events} set status = :status where id = :id and project_id = :project_id
