-- Changes of single rows, and the recording of events and deliveries many rows at a time.

-- name: save-project
-- Adds a project, or replaces it.
--
-- Parameters: :id, :organisation_id, :name.
insert into {projects} (id, organisation_id, name)
values (:id, :organisation_id, :name)
on conflict (id) do update set organisation_id = excluded.organisation_id, name = excluded.name

-- name: save-endpoint
-- Adds an endpoint, or replaces it.
--
-- Parameters: :id, :project_id, :owner_id, :name.
insert into {endpoints} (id, project_id, owner_id, name)
values (:id, :project_id, :owner_id, :name)
on conflict (id) do update
set project_id = excluded.project_id, owner_id = excluded.owner_id, name = excluded.name

-- name: save-source
-- Adds a source, or replaces it.
--
-- Parameters: :id, :project_id, :name, :type.
insert into {sources} (id, project_id, name, type)
values (:id, :project_id, :name, :type)
on conflict (id) do update set project_id = excluded.project_id, name = excluded.name, type = excluded.type

-- name: lock-keys
-- Locks idempotency keys until this transaction ends, so that nobody else records events with them meanwhile. What is locked is the
-- one of 64 stripes of its project that a key belongs to: a batch of any size takes no more locks than PostgreSQL has room for by
-- default. In one order, so that two batches don't deadlock.
--
-- Parameters: :project_ids and :idempotency_keys, text[] of equal length.
-- Returns a row for each stripe: locked, an empty text.
select pg_advisory_xact_lock(s.stripe)::text as locked
from (
    select distinct
        hashtextextended('usagekit keys ' || k.project_id, 0) # (hashtext(k.idempotency_key) & 63)::bigint as stripe
    from unnest(:project_ids::text[], :idempotency_keys::text[]) as k (project_id, idempotency_key)
    order by stripe
) s

-- name: insert-events
-- Records events. An event is a duplicate if a live event of its project has its idempotency key, or an earlier event of the same
-- call does. An earlier statement locked the keys, so that the snapshot of this one has all events that were recorded with them.
--
-- Parameters: arrays of equal length, :ids, :project_ids, :event_types, :raws, :source_ids, :idempotency_keys, :statuses and
-- :headers (jsonb as text) of text, :datas of bytea, :created_ats of timestamptz; :unbilled, whether duplicates are recorded as
-- deleted when they were received.
-- Returns a row for each event, in no particular order: id, is_duplicate, payload_bytes in octets, created_at, deleted_at or
-- null.
with given as (
    select
        g.*,
        row_number() over (partition by g.project_id, g.idempotency_key order by g.position) > 1 as repeats_earlier
    from
        unnest(
            :ids::text[],
            :project_ids::text[],
            :event_types::text[],
            :raws::text[],
            :datas::bytea[],
            :source_ids::text[],
            :idempotency_keys::text[],
            :statuses::text[],
            :headers::text[],
            :created_ats::timestamptz[]
        )
        with ordinality as g (
            id,
            project_id,
            event_type,
            raw,
            data,
            source_id,
            idempotency_key,
            status,
            headers,
            created_at,
            position
        )
),

judged as (
    select
        given.*,
        given.idempotency_key <> ''
        and (
            given.repeats_earlier
            or exists (
                select
                from {events} e
                where e.project_id = given.project_id
                    and e.idempotency_key = given.idempotency_key
                    and e.idempotency_key <> ''
                    and not e.is_duplicate
                    and e.deleted_at is null
            )
        ) as is_duplicate
    from given
)

insert into {events} (
    id,
    project_id,
    event_type,
    raw,
    data,
    source_id,
    idempotency_key,
    is_duplicate,
    status,
    headers,
    created_at,
    deleted_at
)
select
    id,
    project_id,
    event_type,
    raw,
    data,
    source_id,
    idempotency_key,
    is_duplicate,
    status,
    headers::jsonb,
    created_at,
    case when is_duplicate and :unbilled::boolean then created_at end
from judged
order by position
returning id, is_duplicate, payload_bytes, created_at, deleted_at

-- name: insert-endpoints
-- Adds endpoints to which events are to be delivered; those that are there already stay.
--
-- Parameters: :event_ids and :endpoint_ids, text[] of equal length.
insert into {events_endpoints} (event_id, endpoint_id)
select n.event_id, n.endpoint_id
from unnest(:event_ids::text[], :endpoint_ids::text[]) as n (event_id, endpoint_id)
on conflict do nothing

-- name: insert-deliveries
-- Records deliveries of events that exist in their project, and keeps these events from being deleted for good until this
-- transaction ends. Events are locked in the order in which deletion locks them, so that the two don't deadlock.
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

-- name: lock-event
-- Keeps an event of a project from being changed or deleted for good until this transaction ends.
--
-- Parameters: :project_id, :id.
-- Returns one row, or none if there is no such event: id.
select e.id
from {events} e
where e.id = :id and e.project_id = :project_id
for no key update

-- name: delete-endpoints
-- Deletes the endpoints to which an event is to be delivered.
--
-- Parameters: :event_id.
delete from {events_endpoints} where event_id = :event_id

-- name: update-status
-- Sets the status of an event of a project.
--
-- Parameters: :project_id, :id, :status.
update {events} set status = :status where id = :id and project_id = :project_id

-- name: update-delivery-status
-- Sets the status of a delivery of a project.
--
-- Parameters: :project_id, :id, :status.
update {deliveries} set status = :status where id = :id and project_id = :project_id
