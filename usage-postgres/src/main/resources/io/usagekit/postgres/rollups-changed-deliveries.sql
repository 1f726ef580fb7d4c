-- A piece: the deliveries that count of an event that has changed; of which, says the column event_id of what is called changed.
select d.{delivery.project_id} as project_id, d.{delivery.created_at} as created_at
from {deliveries} d
where d.{delivery.event_id} = changed.event_id and d.{delivery.status} in ({delivered_statuses})
offset 0
