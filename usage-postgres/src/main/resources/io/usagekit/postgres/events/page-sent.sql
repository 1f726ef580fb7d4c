-- The deliveries that an organisation's figure counts as sent, behind a place. Each project gives its first rows in order, out of
-- which the first of all come: no page reads the window.
--
-- Parameters: :organisation_id; :start and :end, the window [start, end); :most, how many rows at most; those of the place.
-- Returns, in the order of (created_at, id), ids by code points, in the direction {order}: id, project_id, event_id,
-- endpoint_id, status, created_at; bytes, the octets of the event's payload, 0 if that is gone for good.
with project as materialized (
    select p.id
    from {projects} p
    where p.organisation_id = :organisation_id and {project.counts}
)

select
    d.id,
    d.project_id,
    d.event_id,
    d.endpoint_id,
    d.status,
    d.created_at,
    coalesce(e.payload_bytes, 0) as bytes
from project
cross join lateral (
    select *
    from {deliveries}
    where project_id = project.id
        and status = 'Success'
        and created_at >= :start
        and created_at < :end
        {beyond}
    order by created_at {order}, id collate "C" {order}
    limit :most
) d
left join {events} e on e.id = d.event_id
order by d.created_at {order}, d.id collate "C" {order}
limit :most
