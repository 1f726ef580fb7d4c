-- Deletes at most :rows of a project's oldest deliveries that count and were created before :before, and keeps their sums, in one
-- snapshot. Their events are locked, so that no size changes before the sums are committed. A row that changes meanwhile is an
-- error (40001). What is deleted is what counts: a trigger of the host's may keep rows.
--
-- Parameters: :project_id; :before, timestamptz; :rows.
-- Returns: looked_at, how many there were; deleted, how many of them are gone; bigint.
with candidate as materialized (
    select d.tableoid as part, d.ctid as place
    from {deliveries} d
    where d.{delivery.project_id} = :project_id
        and d.{delivery.created_at} < :before
        and d.{delivery.status} in ({delivered_statuses})
    order by d.{delivery.created_at}
    limit :rows
),

deleted as (
    delete from {deliveries} d
    using candidate c
    where d.tableoid = c.part and d.ctid = c.place and d.{delivery.created_at} < :before
    returning
        d.{delivery.project_id} as project_id, d.{delivery.event_id} as event_id, d.{delivery.created_at} as created_at
),

event as materialized (
    select e.{event.id} as id, {event.octets} as octets
    from {events} e
    where e.{event.id} in (select event_id from deleted)
    for share
),

retained as (
    insert into {rollups}.retained as r
        (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
    select
        deleted.project_id,
        {quarter},
        0,
        0,
        count(*),
        coalesce(sum(event.octets), 0),
        count(*) filter (where event.id is not null and event.octets is null)
    from deleted
    left join event on event.id = deleted.event_id
    where isfinite(deleted.created_at)
    group by 1, 2
    {retain}
)

select
    (select count(*) from candidate) as looked_at,
    (select count(*) from deleted) as deleted
