-- A delivery of a project.
--
-- Parameters: :project_id, :id.
-- Returns at most one row: id, project_id, event_id, endpoint_id, status, created_at.
select d.id, d.project_id, d.event_id, d.endpoint_id, d.status, d.created_at
from {deliveries} d
where d.id = :id and d.project_id = :project_id
