-- Single events and deliveries, and what belongs to them. Look-ups by id or key stand for three statements: {only} is "only" for a plain table, so that a
-- plan names no partition; otherwise {times} is between-times, or empty for a look into all partitions. With times, {unindexed} is "is true", as in
-- is-of-project; without, PostgreSQL may choose partitions by the project.

-- fragment: between-times
-- Rows of these times.
--
-- Parameters: :first and :last, timestamptz.
    and created_at between :first and :last

-- fragment: between-which-times
-- Of some entries i of a table's ids: which times the rows have.
--
-- Returns one row: has_children, as in has-children; are_entered, whether the ids of all partitions are; entries, how many there are; first and last,
-- null if there are none.
    {has-children} as has_children,
    {are_ids_entered}() as are_entered,
    count(*) as entries,
    min(i.created_at) as first,
    max(i.created_at) as last
from {ids} i

-- fragment: has-children
-- Whether the table has child tables: partitions, or tables that inherit from it.
(select c.relhassubclass from pg_catalog.pg_class c where c.oid = to_regclass({rows.literal}))

-- name: find-times-of-ids
-- Between which times the rows are that have some ids, by what is entered.
--
-- Parameters: :ids, text[]. Result: that of between-which-times.
select
    {between-which-times}
where i.id = any (:ids::text[])

-- name: find-times-of-key
-- Between which times the live events are that have a key and are no duplicates, by what is entered.
--
-- Parameters: :project_id, :idempotency_key. Result: that of between-which-times.
select
    {between-which-times}
where i.project_id = :project_id and i.idempotency_key = :idempotency_key

-- name: find-events
-- Events of a project by id.
--
-- Parameters: :project_id; :ids, text[].
-- Returns the columns of an event, in no particular order.
select
    {event-columns}
from {only} {events} e
where e.id = any (:ids::text[])
    and (e.project_id = :project_id) {unindexed}
    {times}

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
from {only} {events} e
left join {sources} s on s.id = e.source_id and s.project_id = e.project_id
where e.id = :id
    and (e.project_id = :project_id) {unindexed}
    {times}

-- name: find-first-event
-- The live event with an idempotency key that isn't a duplicate.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns at most one row: the columns of an event.
select
    {event-columns}
from {only} {events} e
where e.project_id = :project_id
    and e.idempotency_key = :idempotency_key
    and e.idempotency_key <> ''
    and not e.is_duplicate
    and e.deleted_at is null
    {times}
order by e.created_at, e.id collate "C"
limit 1

-- name: is-recorded
-- Whether there is a live event with an idempotency key that isn't a duplicate, or was one whose id is retained.
--
-- Parameters: :project_id; :idempotency_key, not empty.
-- Returns one row: answer.
select {has-recorded-key} as answer
from (select :project_id::text as project_id, :idempotency_key::text as idempotency_key, null::boolean as are_entered) g

-- name: find-endpoint-ids
-- The endpoints to which an event of a project is to be delivered. Rows without project and time are those of a previous version; rows with
-- others belong to an event that a host's SQL dropped with its partition.
--
-- Parameters: :project_id; :id, the event's.
-- Returns in the order of code points: endpoint_id, or one null if the event has none.
select n.endpoint_id
from (
    select project_id, created_at
    from {only} {events}
    where id = :id
        and (project_id = :project_id) {unindexed}
        {times}
) e
left join {events_endpoints} n
    on n.event_id = :id and (n.project_id is null or (n.project_id = e.project_id and n.created_at = e.created_at))
group by n.endpoint_id
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
from {only} {deliveries} d
where d.id = :id
    and (d.project_id = :project_id) {unindexed}
    {times}
