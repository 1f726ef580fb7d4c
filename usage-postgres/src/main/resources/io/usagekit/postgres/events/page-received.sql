-- The events that an organisation's figure counts as received, behind a place. Each project gives its first rows in order, out of
-- which the first of all come: no page reads the window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :most, how many rows at most; those of the place.
-- Returns the columns of an event, in the order of (created_at, id), ids by code points, in the direction {order}.
with project as materialized (
    select p.id
    from {projects} p
    where p.organisation_id = :organisation_id and {project.counts}
)

select
    {event_columns}
from project
cross join lateral (
    select *
    from {events}
    where project_id = project.id
        and deleted_at is null
        and created_at >= :start
        and created_at < :end
        {beyond}
    order by created_at {order}, id collate "C" {order}
    limit :most
) e
order by e.created_at {order}, e.id collate "C" {order}
limit :most
