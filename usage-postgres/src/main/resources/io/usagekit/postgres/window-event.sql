-- The window's events: id, octets, whether it is live.
    select e.{event.id} as id, {event.octets} as octets, {event.live} as live
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end
