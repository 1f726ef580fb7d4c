-- The projects of deliveries that count, as text: from one to the next by the index.
with recursive found as (
    (
        select d.{delivery.project_id} as project_id
        from {deliveries} d
        where d.{delivery.status} in ({delivered_statuses})
        order by d.{delivery.project_id}
        limit 1
    )
    union all
    select (
        select d.{delivery.project_id}
        from {deliveries} d
        where d.{delivery.project_id} > found.project_id and d.{delivery.status} in ({delivered_statuses})
        order by d.{delivery.project_id}
        limit 1
    )
    from found
    where found.project_id is not null
)

select project_id::text as project_id from found where project_id is not null
