-- Where an event of a project is to be delivered.
--
-- Parameters: :project_id; :id, the event's.
-- Returns endpoint_id, in the order of code points.
select n.endpoint_id
from {events_endpoints} n
join {events} e on e.id = n.event_id
where n.event_id = :id and e.project_id = :project_id
order by n.endpoint_id collate "C"
