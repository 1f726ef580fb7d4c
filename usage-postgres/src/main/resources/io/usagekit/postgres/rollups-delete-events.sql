-- Deletes a project's old events that have no deliveries any more, and keeps their sums, in one snapshot. A row that changes
-- meanwhile stays: it isn't in its place any more.
--
-- Parameters: :project_id; :before, timestamptz; :kept, how many of the oldest are passed over; :rows, at most how many are looked
-- at.
-- Returns: looked_at, how many there were; deleted, how many of them are gone; bigint.
with candidate as materialized (
    {old.events}
),

deleted as (
    delete from {events} e
    using candidate c
    where e.tableoid = c.part
        and e.ctid = c.place
        and e.{event.created_at} < :before
        and not exists (select from {deliveries} d where d.{delivery.event_id} = c.id)
    returning
        e.{event.project_id} as project_id,
        e.{event.created_at} as created_at,
        {event.live} as live,
        {event.octets} as octets
),

retained as (
    insert into {rollups}.retained as r
        (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
    select
        deleted.project_id,
        {quarter},
        count(*),
        coalesce(sum(deleted.octets), 0),
        0,
        0,
        count(*) filter (where deleted.octets is null)
    from deleted
    where deleted.live and isfinite(deleted.created_at)
    group by 1, 2
    {retain}
)

select
    (select count(*) from candidate) as looked_at,
    (select count(*) from deleted) as deleted
