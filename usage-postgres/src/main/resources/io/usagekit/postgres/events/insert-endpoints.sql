-- Notes where events are to be delivered; what is noted already stays.
--
-- Parameters: :event_ids and :endpoint_ids, text[] of equal length.
insert into {events_endpoints} (event_id, endpoint_id)
select n.event_id, n.endpoint_id
from unnest(:event_ids::text[], :endpoint_ids::text[]) as n (event_id, endpoint_id)
on conflict do nothing
