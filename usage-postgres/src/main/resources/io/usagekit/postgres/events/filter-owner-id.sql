-- Part of a filter: events e to be delivered to an endpoint of an owner.
    and exists (
        select
        from {events_endpoints} n
        join {endpoints} p on p.id = n.endpoint_id
        where n.event_id = e.id and p.project_id = :project_id and p.owner_id = :owner_id
    )
