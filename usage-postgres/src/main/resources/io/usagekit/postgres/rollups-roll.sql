-- Sums up the span by project and hour, and notes deliveries whose event isn't there.
with received as (
    select
        s.project_id,
        date_trunc('hour', e.{event.created_at}, 'UTC') as bucket,
        count(*) as volume,
        sum({event.octets}) as bytes,
        count(*) filter (where {event.octets} is null) as unmeasured
    from {rollups}.span s
    join {events} e on e.{event.project_id} = s.project_id
    where e.{event.created_at} >= s.lower and e.{event.created_at} < s.upper and {event.live}
    group by 1, 2
),

delivery as materialized (
    select
        s.project_id,
        date_trunc('hour', d.{delivery.created_at}, 'UTC') as bucket,
        d.{delivery.event_id} as event_id,
        e.{event.id} is not null as has_event,
        {event.octets} as octets
    from {rollups}.span s
    join {deliveries} d on d.{delivery.project_id} = s.project_id
    left join {events} e on e.{event.id} = d.{delivery.event_id}
    where d.{delivery.created_at} >= s.lower
        and d.{delivery.created_at} < s.upper
        and d.{delivery.status} in ({delivered_statuses})
),

sent as (
    select
        project_id,
        bucket,
        count(*) as volume,
        sum(octets) filter (where has_event) as bytes,
        count(*) filter (where has_event and octets is null) as unmeasured
    from delivery
    group by project_id, bucket
),

noted as (
    insert into {rollups}.orphan (project_id, bucket, event_id)
    select distinct project_id, bucket, event_id
    from delivery
    where not has_event and event_id is not null
)

insert into {rollups}.rollup
    (project_id, bucket, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
select
    project_id,
    bucket,
    coalesce(received.volume, 0),
    coalesce(received.bytes, 0),
    coalesce(sent.volume, 0),
    coalesce(sent.bytes, 0),
    coalesce(received.unmeasured, 0) + coalesce(sent.unmeasured, 0)
from received
full join sent using (project_id, bucket)
