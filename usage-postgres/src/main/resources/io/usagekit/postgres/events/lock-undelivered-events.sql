-- Locks a batch of a project's events that no delivery refers to, against deliveries that are being recorded. While it waits for
-- one of these, its snapshot grows old: who is delivered by then is asked once more by delete-undelivered-events.sql.
--
-- Parameters: :project_id; :most, how many at most; those of the filter's parts and of the place.
-- Returns, in the order of (created_at, id): id, created_at.
select e.id, e.created_at
from {events} e
where e.project_id = :project_id
    and not exists (select from {deliveries} d where d.event_id = e.id)
    {filter}
    {beyond}
order by e.created_at {order}, e.id collate "C" {order}
limit :most
for update of e
