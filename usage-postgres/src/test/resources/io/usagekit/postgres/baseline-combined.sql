-- The baseline: the combined query of the design that this project starts from, for plans and speed only. Its figures differ
-- from the truth: characters for octets, hexadecimal digits for octets, and the window is closed at both ends.
-- Parameters: :organisation_id, :start, :end. {s} is the schema.
with project_ids as (
    select id from {s}.projects where organisation_id = :organisation_id and deleted_at is null
),

ingress as (
    select
        coalesce(sum(length(e.raw)), 0) as raw_bytes,
        coalesce(sum(octet_length(e.data::text)), 0) as data_bytes
    from {s}.events e
    where e.project_id in (select id from project_ids)
        and e.created_at >= :start
        and e.created_at <= :end
        and e.deleted_at is null
),

egress as (
    select
        coalesce(sum(length(e.raw)), 0) as raw_bytes,
        coalesce(sum(octet_length(e.data::text)), 0) as data_bytes
    from {s}.event_deliveries d
    join {s}.events e on e.id = d.event_id
    where d.project_id in (select id from project_ids)
        and d.status = 'Success'
        and d.created_at >= :start
        and d.created_at <= :end
),

event_count as (
    select count(*) as volume
    from {s}.events e
    where e.project_id in (select id from project_ids)
        and e.created_at >= :start
        and e.created_at <= :end
        and e.deleted_at is null
),

delivery_count as (
    select count(*) as volume
    from {s}.event_deliveries d
    where d.project_id in (select id from project_ids)
        and d.status = 'Success'
        and d.created_at >= :start
        and d.created_at <= :end
)

select
    event_count.volume,
    ingress.raw_bytes + ingress.data_bytes,
    delivery_count.volume,
    egress.raw_bytes + egress.data_bytes
from ingress, egress, event_count, delivery_count
