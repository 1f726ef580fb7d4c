-- Single events and deliveries, and what belongs to them.

-- name: find-events
-- Events of a project by id.
--
-- Parameters: :project_id; :ids, text[].
-- Returns the columns of an event, in no particular order.
select
    {event-columns}
from {events} e
where e.id = any (:ids::text[]) and e.project_id = :project_id

-- name: find-event-with-source
-- An event of a project with its source, if that is saved.
--
-- Parameters: :project_id, :id.
-- Returns the columns of an event, and those of the source or null: known_source_id, source_name, source_type.
select
    {event-columns},
    s.id as known_source_id,
    s.name as source_name,
    s.type as source_type
from {events} e
left join {sources} s on s.id = e.source_id and s.project_id = e.project_id
where e.id = :id and e.project_id = :project_id

-- name: find-first-event
-- The live event with an idempotency key that isn't a duplicate.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns at most one row: the columns of an event.
select
    {event-columns}
from {events} e
where e.project_id = :project_id
    and e.idempotency_key = :idempotency_key
    and e.idempotency_key <> ''
    and not e.is_duplicate
    and e.deleted_at is null
order by e.created_at, e.id collate "C"
limit 1

-- name: is-recorded
-- Whether there is a live event with an idempotency key that isn't a duplicate, or was one whose id is retained.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns one row: answer.
select
    exists (
        select
        from {events} e
        where e.project_id = :project_id
            and e.idempotency_key = :idempotency_key
            and e.idempotency_key <> ''
            and not e.is_duplicate
            and e.deleted_at is null
    )
    or exists (
        select
        from {retained_ids} r
        where r.project_id = :project_id
            and r.key_digest = sha256(convert_to(:idempotency_key, 'UTF8'))
            and r.retained_until > now()
    ) as answer

-- name: find-endpoint-ids
-- The endpoints to which an event of a project is to be delivered. Rows without project and time are those of a previous version; rows with
-- others belong to an event that a host's SQL dropped with its partition.
--
-- Parameters: :project_id; :id, the event's.
-- Returns in the order of code points: endpoint_id.
select n.endpoint_id
from {events_endpoints} n
where n.event_id = :id
    and exists (
        select
        from {events} e
        where e.id = :id
            and e.project_id = :project_id
            and (n.project_id is null or (n.project_id = e.project_id and n.created_at = e.created_at))
    )
order by n.endpoint_id collate "C"

-- name: list-next-projects
-- Projects after one of them.
--
-- Parameters: :after, the project's id; the empty text: from the first one on; :limit, how many at most.
-- Returns in the order of code points: id.
select p.id
from {projects} p
where p.id collate "C" > :after
order by p.id collate "C"
limit :limit

-- name: find-endpoints-of-events
-- The endpoints of the first of some events of a project, up to the event with which their ids reach :octets octets. Rows of endpoints count as in
-- find-endpoint-ids.
--
-- Parameters: :project_id; :ids, text[], and :created_ats, timestamptz[], of equal length; :octets.
-- Returns a row for each event in the order given: endpoint_ids, text[], in the order of code points.
with event as materialized (
    select
        g.place,
        array(
            select n.endpoint_id
            from {events_endpoints} n
            where n.event_id = g.id
                and (n.project_id is null or (n.project_id = :project_id and n.created_at = g.created_at))
            order by n.endpoint_id collate "C"
        ) as endpoint_ids
    from unnest(:ids::text[], :created_ats::timestamptz[]) with ordinality as g (id, created_at, place)
)

select c.endpoint_ids
from (
    select
        e.place,
        e.endpoint_ids,
        sum(octet_length(array_to_string(e.endpoint_ids, ''))) over (order by e.place rows unbounded preceding)
            - octet_length(array_to_string(e.endpoint_ids, '')) as octets_before
    from event e
) c
where c.octets_before < :octets::bigint
order by c.place

-- name: find-delivery
-- A delivery of a project.
--
-- Parameters: :project_id, :id.
-- Returns at most one row: the columns of a delivery.
select
    {delivery-columns}
from {deliveries} d
where d.id = :id and d.project_id = :project_id
