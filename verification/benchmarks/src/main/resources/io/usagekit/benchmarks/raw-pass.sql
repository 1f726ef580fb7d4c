-- What every organisation used in a window, in one pass over the raw rows. Parameters: :start, :end. {s} is the schema.
select
    p.organisation_id,
    coalesce(sum(volume) filter (where kind = 'received'), 0),
    coalesce(sum(octets) filter (where kind = 'received'), 0),
    coalesce(sum(volume) filter (where kind = 'sent'), 0),
    coalesce(sum(octets) filter (where kind = 'sent'), 0)
from (
    select 'received' as kind, project_id, count(*) as volume, sum(octet_length(raw)::bigint + octet_length(data)) as octets
    from {s}.events
    where created_at >= :start and created_at < :end and deleted_at is null
    group by project_id
    union all
    select 'sent', d.project_id, count(*), sum(octet_length(e.raw)::bigint + octet_length(e.data))
    from {s}.event_deliveries d
    left join {s}.events e on e.id = d.event_id
    where d.created_at >= :start and d.created_at < :end and d.status = 'Success'
    group by d.project_id
) as used
join {s}.projects p on p.id = used.project_id
where p.deleted_at is null
group by p.organisation_id
