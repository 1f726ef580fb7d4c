-- Forgets where an event is to be delivered.
--
-- Parameters: :event_id.
delete from {events_endpoints} where event_id = :event_id
