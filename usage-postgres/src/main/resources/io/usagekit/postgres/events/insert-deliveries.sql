-- Records deliveries of events that are there in their project, and keeps those from being deleted for good until this
-- transaction ends. They are locked in the order in which deletion locks them, so that neither waits for the other in turn.
--
-- Parameters: arrays of equal length, :ids, :project_ids, :event_ids, :endpoint_ids and :statuses of text, :created_ats of
-- timestamptz.
-- Returns a row for each delivery that is recorded: id.
with event as materialized (
    select e.id, e.project_id
    from {events} e
    where e.id = any (:event_ids::text[])
    order by e.created_at, e.id collate "C"
    for key share
)

insert into {deliveries} (id, project_id, event_id, endpoint_id, status, created_at)
select g.id, g.project_id, g.event_id, g.endpoint_id, g.status, g.created_at
from
    unnest(
        :ids::text[],
        :project_ids::text[],
        :event_ids::text[],
        :endpoint_ids::text[],
        :statuses::text[],
        :created_ats::timestamptz[]
    ) as g (id, project_id, event_id, endpoint_id, status, created_at)
join event on event.id = g.event_id and event.project_id = g.project_id
returning id
