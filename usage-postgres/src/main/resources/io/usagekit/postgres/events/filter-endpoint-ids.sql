-- Part of a filter: events e to be delivered to one of the endpoints :endpoint_ids, text[].
    and exists (
        select
        from {events_endpoints} n
        where n.event_id = e.id and n.endpoint_id = any (:endpoint_ids::text[])
    )
