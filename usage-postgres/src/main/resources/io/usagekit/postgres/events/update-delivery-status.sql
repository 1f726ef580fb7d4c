-- Replaces the status of a delivery of a project.
--
-- Parameters: :project_id, :id, :status.
update {deliveries} set status = :status where id = :id and project_id = :project_id
