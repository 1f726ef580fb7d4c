-- The projects of events, as text: from one to the next by the index.
with recursive found as (
    (
        select e.{event.project_id} as project_id
        from {events} e
        order by e.{event.project_id}
        limit 1
    )
    union all
    select (
        select e.{event.project_id}
        from {events} e
        where e.{event.project_id} > found.project_id
        order by e.{event.project_id}
        limit 1
    )
    from found
    where found.project_id is not null
)

select project_id::text as project_id from found where project_id is not null
