-- Keeps an event of a project from being changed or deleted for good until this transaction ends.
--
-- Parameters: :project_id, :id.
-- Returns its id, or no row if it isn't there.
select e.id
from {events} e
where e.id = :id and e.project_id = :project_id
for no key update
