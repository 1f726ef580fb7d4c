-- The events of a project that were created before :before, but for the :kept oldest; at most :rows.
select e.tableoid as part, e.ctid as place, e.{event.id} as id
from {events} e
where e.{event.project_id} = :project_id and e.{event.created_at} < :before
order by e.{event.created_at}, e.{event.id}
limit :rows offset :kept
