-- From which hour to before which one there is something to verify of a project; null where there is nothing.
-- Parameter: :project_id.
select
    date_trunc('hour', least(
        (
            select min(r.bucket) from {rollups}.rollup r
            where r.project_id = :project_id and isfinite(r.bucket)
        ),
        (
            select min(e.{event.created_at}) from {events} e
            where e.{event.project_id} = :project_id and e.{event.created_at} > '-infinity'
        ),
        (
            select min(d.{delivery.created_at}) from {deliveries} d
            where d.{delivery.project_id} = :project_id
                and d.{delivery.created_at} > '-infinity'
                and d.{delivery.status} in ({delivered_statuses})
        )
    ), 'UTC') as lower,
    (select covered_before from {rollups}.state) as upper
