-- The window's events, where sizes are stored in some rows: those from the index alone, the others measured in the table.
    select e.{event.id} as id, e.{event.stored_bytes}::bigint as octets, {event.live} as live
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end and e.{event.stored_bytes} is not null
    union all
    select e.{event.id}, {event.measured}, {event.live}
    from project
    join {events} e on e.{event.project_id} = project.id
    where e.{event.created_at} >= :start and e.{event.created_at} < :end and e.{event.stored_bytes} is null
