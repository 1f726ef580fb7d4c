-- Changes of single rows, and the recording of events and deliveries many rows at a time.

-- name: save-project
-- Adds a project, or replaces it.
--
-- Parameters: :id, :organisation_id, :name.
insert into {projects} (id, organisation_id, name)
values (:id, :organisation_id, :name)
on conflict (id) do update set organisation_id = excluded.organisation_id, name = excluded.name

-- name: save-endpoint
-- Adds an endpoint, or replaces it. Changes no row if another project has its id.
--
-- Parameters: :id, :project_id, :owner_id, :name.
insert into {endpoints} as known (id, project_id, owner_id, name)
values (:id, :project_id, :owner_id, :name)
on conflict (id) do update
set owner_id = excluded.owner_id, name = excluded.name
where known.project_id = excluded.project_id

-- name: save-source
-- Adds a source, or replaces it. Changes no row if another project has its id.
--
-- Parameters: :id, :project_id, :name, :type.
insert into {sources} as known (id, project_id, name, type)
values (:id, :project_id, :name, :type)
on conflict (id) do update
set name = excluded.name, type = excluded.type
where known.project_id = excluded.project_id

-- name: lock-keys
-- Locks idempotency keys until this transaction ends, so that nobody else records events with them meanwhile. What is locked is the
-- one of 64 stripes of its project that a key belongs to, and shared, the one of 128 groups that the project belongs to. A call of more than 128
-- stripes locks the groups of its projects instead: a call takes no more locks than PostgreSQL has room for by default. Groups come first, and
-- all in one order, so that two calls don't deadlock.
--
-- Parameters: :project_ids and :idempotency_keys, text[] of equal length; :table, the events' table, qualified and quoted.
-- Returns a row for each lock: locked, an empty text; is_partitioned, whether the table is at the moment.
with stripe as (
    select distinct
        hashtextextended('usagekit key projects', 0) # (hashtext(k.project_id) & 127)::bigint as project_group,
        hashtextextended('usagekit keys ' || k.project_id, 0) # (hashtext(k.idempotency_key) & 63)::bigint as key
    from unnest(:project_ids::text[], :idempotency_keys::text[]) as k (project_id, idempotency_key)
)

select
    case when l.is_shared then pg_advisory_xact_lock_shared(l.key) else pg_advisory_xact_lock(l.key) end::text as locked,
    (select c.relkind = 'p' from pg_catalog.pg_class c where c.oid = to_regclass(:table)) as is_partitioned
from (
    select false as is_stripe, s.project_group as key, (select count(*) <= 128 from stripe) as is_shared
    from stripe s
    union
    select true, s.key, false
    from stripe s
    where (select count(*) <= 128 from stripe)
    order by is_stripe, key
) l

-- name: lock-key
-- The same for one key. Its column has a length that the driver knows, and so it sends the next statement together with this one.
--
-- Parameters: :project_id, :idempotency_key.
-- Returns one row: locked, true.
select
    case
        when pg_advisory_xact_lock_shared(
            hashtextextended('usagekit key projects', 0) # (hashtext(:project_id::text) & 127)::bigint
        ) is not null
            then pg_advisory_xact_lock(
                hashtextextended('usagekit keys ' || :project_id::text, 0) # (hashtext(:idempotency_key::text) & 63)::bigint
            ) is not null
    end as locked

-- fragment: given-events
-- The events of a call.
--
-- Parameters: arrays of equal length, :ids, :project_ids, :event_types, :raws, :source_ids, :idempotency_keys, :statuses,
-- :headers (jsonb as text), :acknowledged_ats (timestamptz as text; empty: not known), :url_paths, :url_query_params and :metadata of text, :datas
-- of bytea, :repeats of boolean, whether an earlier event has its project and key, :created_ats of timestamptz.
unnest(
    :ids::text[],
    :project_ids::text[],
    :event_types::text[],
    :raws::text[],
    :datas::bytea[],
    :source_ids::text[],
    :idempotency_keys::text[],
    :repeats::boolean[],
    :statuses::text[],
    :headers::text[],
    :created_ats::timestamptz[],
    :acknowledged_ats::text[],
    :url_paths::text[],
    :url_query_params::text[],
    :metadata::text[]
) as g (
    id,
    project_id,
    event_type,
    raw,
    data,
    source_id,
    idempotency_key,
    repeats,
    status,
    headers,
    created_at,
    acknowledged_at,
    url_path,
    url_query_params,
    metadata
)

-- fragment: given-event
-- The event of a call, unless another partition may have an id of these that no trigger has entered; so are_entered, whether the ids of all partitions are,
-- is true. Whether the table is partitioned is asked when the statement has its locks: another table may have got the name while it waited for them.
--
-- Parameters: :id, :project_id, :event_type, :raw, :source_id, :idempotency_key, :status, :headers (jsonb as text), :acknowledged_at (timestamptz as
-- text; empty: not known), :url_path, :url_query_params and :metadata of text, :data of bytea, :created_at of timestamptz.
(
    select
        :id::text as id,
        :project_id::text as project_id,
        :event_type::text as event_type,
        :raw::text as raw,
        :data::bytea as data,
        :source_id::text as source_id,
        :idempotency_key::text as idempotency_key,
        :status::text as status,
        :headers::text as headers,
        :created_at::timestamptz as created_at,
        :acknowledged_at::text as acknowledged_at,
        :url_path::text as url_path,
        :url_query_params::text as url_query_params,
        :metadata::text as metadata,
        true as are_entered
    where {is-plain} or (select {are_ids_entered}())
) g

-- fragment: has-recorded-key
-- Whether a live event of the project of g has its key and is no duplicate, or one had it whose id is retained. A function looks into child tables, by
-- what is entered of partitions: a plan of this names no partition. It asks whether the ids of all are, unless g.are_entered says so.
(
    exists (
        select
        from only {events} e
        where e.project_id = g.project_id
            and e.idempotency_key = g.idempotency_key
            and e.idempotency_key <> ''
            and not e.is_duplicate
            and e.deleted_at is null
    )
    or ({has-children} and exists (select from {live_keys}(array[g.project_id], array[g.idempotency_key], g.are_entered)))
    or exists (
        select
        from {retained_ids} r
        where r.project_id = g.project_id
            and r.key_digest = sha256(convert_to(g.idempotency_key, 'UTF8'))
            and r.retained_until > now()
    )
)

-- fragment: is-plain
-- Whether the table of events isn't partitioned.
pg_partition_root((select to_regclass({events.literal}))) is null

-- fragment: known-key
-- Whether a live event of the project of g has its key, or one had it whose id is retained: is_recorded is true, or null if none has. Each key is
-- looked up by itself: joined otherwise, the whole ledger might be read for a list.
left join lateral (
    select true as is_recorded
    from {events} e
    where e.project_id = g.project_id
        and e.idempotency_key = g.idempotency_key
        and g.idempotency_key <> ''
        and not g.repeats
        and e.idempotency_key <> ''
        and not e.is_duplicate
        and e.deleted_at is null
    union all
    select true
    from {retained_ids} r
    where r.project_id = g.project_id
        and r.key_digest = sha256(convert_to(g.idempotency_key, 'UTF8'))
        and g.idempotency_key <> ''
        and not g.repeats
        and r.retained_until > now()
    limit 1
) known on true

-- fragment: entered-keys
-- The same by a function that asks what is entered of events in partitions, unless something is missing there.
--
-- Parameters: :project_ids and :idempotency_keys, text[] of equal length.
left join (
    select true as is_recorded, k.project_id, k.idempotency_key
    from {live_keys}(:project_ids::text[], :idempotency_keys::text[]) k
    union
    select true, k.project_id, k.idempotency_key
    from unnest(:project_ids::text[], :idempotency_keys::text[]) as k (project_id, idempotency_key)
    cross join lateral (
        select
        from {retained_ids} r
        where r.project_id = k.project_id
            and r.key_digest = sha256(convert_to(k.idempotency_key, 'UTF8'))
            and r.retained_until > now()
        limit 1
    ) r
) known on known.project_id = g.project_id and known.idempotency_key = g.idempotency_key

-- fragment: insert-judged
-- Records the events of the query "judged".
--
-- Parameter: :unbilled, whether duplicates are recorded as deleted when they were received.
recorded as (
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
        deleted_at,
        acknowledged_at,
        url_path,
        url_query_params,
        metadata
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
        case when is_duplicate and :unbilled::boolean then created_at end,
        nullif(acknowledged_at, '')::timestamptz,
        url_path,
        url_query_params,
        metadata
    from judged
    returning id, project_id, is_duplicate, payload_bytes, created_at, deleted_at, tableoid
),

-- fragment: insert-endpoints-of-all
-- Records the endpoints to which the recorded events are to be delivered, with the project and time that the event has in the table: a host's
-- trigger may have changed them. All in one order: in partitions, where others may have inserted the same event with another time, the
-- endpoints are what the second to come waits for.
--
-- Parameters: :event_ids and :endpoint_ids, text[] of equal length, an element for each endpoint of each event.
endpoints as (
    insert into {events_endpoints} (event_id, endpoint_id, project_id, created_at)
    select n.event_id, n.endpoint_id, r.project_id, r.created_at
    from unnest(:event_ids::text[], :endpoint_ids::text[]) as n (event_id, endpoint_id)
    join recorded r on r.id = n.event_id
    order by n.event_id collate "C", n.endpoint_id collate "C"
    on conflict do nothing
    returning event_id
)

-- fragment: insert-one-judged
-- Records the event of the query "judged", and its endpoints. Fails with a unique violation also where endpoints of the event are there already,
-- those of an event that a host's SQL dropped with its partition; and where a host's trigger has changed the event's id, with a text that is no
-- boolean and says so. Its columns have lengths that the driver knows, and so it sends it together with other statements.
--
-- Parameters: :id and those of insert-judged; :endpoint_ids, text[].
-- Returns a row, or none if nothing is recorded: is_duplicate, payload_bytes, created_at, deleted_at as in return-recorded.
{insert-judged}

endpoints as (
    insert into {events_endpoints} (event_id, endpoint_id, project_id, created_at)
    select r.id, n.endpoint_id, r.project_id, r.created_at
    from recorded r, unnest(:endpoint_ids::text[]) as n (endpoint_id)
    order by n.endpoint_id collate "C"
)

select
    case when id = :id::text then is_duplicate else ('a trigger has changed the event''s id to ' || id)::boolean end as is_duplicate,
    payload_bytes,
    created_at,
    deleted_at
from recorded

-- fragment: return-recorded
-- What was recorded.
--
-- Parameters: :endpoint_ids, those of all events; :table, the events' table, qualified and quoted.
-- Returns a row for each event, in no particular order: id, project_id, is_duplicate, payload_bytes in octets, created_at, deleted_at or
-- null; has_unchecked_id, whether another partition may have an id of these that no trigger has entered; has_old_endpoints, whether
-- endpoints of any of these events were there before, those of an event that a host's SQL dropped with its partition.
select
    id,
    project_id,
    is_duplicate,
    payload_bytes,
    created_at,
    deleted_at,
    tableoid <> (select to_regclass(:table)) and not (select {are_ids_entered}()) as has_unchecked_id,
    (select count(*) from endpoints) < cardinality(:endpoint_ids::text[]) as has_old_endpoints
from recorded

-- name: insert-event
-- Records an event without an idempotency key.
--
-- Parameters: those of given-event and insert-one-judged. Result: that of insert-one-judged.
with judged as (
    select g.*, false as is_duplicate
    from {given-event}
),

{insert-one-judged}

-- name: insert-keyed-event
-- Records an event with an idempotency key. It is a duplicate if a live event of its project has its key, or one had it whose id is retained. An
-- earlier statement locked the key, so that the snapshot of this one has all events that were recorded with it.
--
-- Parameters: those of given-event and insert-one-judged. Result: that of insert-one-judged.
with judged as (
    select
        g.*,
        {has-recorded-key} as is_duplicate
    from {given-event}
),

{insert-one-judged}

-- name: insert-events
-- Records events without idempotency keys.
--
-- Parameters: those of given-events, insert-judged, insert-endpoints-of-all and return-recorded. Result: that of return-recorded.
with judged as (
    select g.*, false as is_duplicate
    from {given-events}
),

{insert-judged}

{insert-endpoints-of-all}

{return-recorded}

-- name: insert-keyed-events
-- Records events of which some have idempotency keys, as insert-events does. An event is a duplicate if a live event of its project has its
-- key, or an earlier event of the same call does. An earlier statement locked the keys, so that the snapshot of this one has all events that
-- were recorded with them.
--
-- Parameters and result: those of insert-events.
with judged as (
    select g.*, g.repeats or known.is_recorded is not null as is_duplicate
    from {given-events}
    {known-key}
),

{insert-judged}

{insert-endpoints-of-all}

{return-recorded}

-- name: insert-keyed-events-into-partitions
-- The same where the table is partitioned. Right also where it isn't any more.
--
-- Parameters and result: those of insert-events.
with judged as (
    select g.*, g.repeats or known.is_recorded is not null as is_duplicate
    from {given-events}
    {entered-keys}
),

{insert-judged}

{insert-endpoints-of-all}

{return-recorded}

-- name: find-recorded-ids
-- Those of some ids that events have, or had when retention deleted them, as long as they are retained. In partitioned tables whose ids are entered it
-- looks into no partition but those of the events: each event is looked up by itself, since a join might read all of them.
--
-- Parameters: :ids, text[]; :table, the events' table, qualified and quoted.
-- Returns for each in no particular order: id; project_id, whose event has it.
with lookup as materialized (
    select
        (select c.relkind = 'p' from pg_catalog.pg_class c where c.oid = to_regclass(:table)) and {are_ids_entered}() as is_by_entries
)

select e.id, e.project_id
from {events_ids} i
cross join lateral (
    select n.id, n.project_id
    from {events} n
    where n.id = i.id and n.created_at = i.created_at
    limit 1
) e
where i.id = any (:ids::text[]) and (select l.is_by_entries from lookup l)
union all
select e.id, e.project_id
from {events} e
where e.id = any (:ids::text[]) and not (select l.is_by_entries from lookup l)
union all
select r.id, r.project_id
from {retained_ids} r
where r.role = {rows.role} and r.id = any (:ids::text[]) and r.retained_until > now()

-- name: insert-endpoints
-- Adds endpoints to which an event is to be delivered.
--
-- Parameters: :event_id, of an event that this transaction has locked or inserted; :project_id and :created_at, what the event has; :endpoint_ids, text[].
insert into {events_endpoints} (event_id, endpoint_id, project_id, created_at)
select :event_id, n.endpoint_id, :project_id, :created_at::timestamptz
from unnest(:endpoint_ids::text[]) as n (endpoint_id)
order by n.endpoint_id collate "C"
on conflict do nothing

-- name: insert-deliveries
-- Records deliveries of events that exist in their project, in the order of their ids, and keeps these events from being deleted for good until
-- this transaction ends.
--
-- Parameters: arrays of equal length, :ids, :project_ids, :event_ids, :endpoint_ids, :statuses, :failure_reasons and :metadata of text,
-- :created_ats of timestamptz; :table, the deliveries' table, qualified and quoted.
-- Returns a row for each delivery that is recorded: id; has_unchecked_id, whether another partition may have its id, without an entry. The table stays
-- partitioned, or plain, until this transaction ends.
insert into {deliveries} (id, project_id, event_id, endpoint_id, status, created_at, failure_reason, metadata)
select g.id, g.project_id, g.event_id, g.endpoint_id, g.status, g.created_at, g.failure_reason, g.metadata
from
    unnest(
        :ids::text[],
        :project_ids::text[],
        :event_ids::text[],
        :endpoint_ids::text[],
        :statuses::text[],
        :created_ats::timestamptz[],
        :failure_reasons::text[],
        :metadata::text[]
    ) as g (id, project_id, event_id, endpoint_id, status, created_at, failure_reason, metadata)
join {lock_events}(:project_ids::text[], :event_ids::text[]) event on event.id = g.event_id and event.project_id = g.project_id
order by g.id collate "C"
returning id, tableoid <> (select to_regclass(:table)) and not (select {are_ids_entered}()) as has_unchecked_id

-- name: lock-ids
-- Locks ids in a partitioned table, in which this transaction has inserted rows with them, until it ends: of transactions that have inserted
-- one id into several partitions, the second to come here waits until the first one has committed, and then finds its row. A list of more
-- than 128 ids locks them all at once, so that a transaction takes no more locks than PostgreSQL has room for; others share that lock.
--
-- Parameters: :ids, text[]; :table, qualified and quoted.
-- Returns a row for each lock: locked, an empty text.
select case when l.is_shared then pg_advisory_xact_lock_shared(l.key) else pg_advisory_xact_lock(l.key) end::text as locked
from (
    select
        false as is_one_id,
        hashtextextended('usagekit ids ' || :table, 0) as key,
        cardinality(:ids::text[]) <= 128 as is_shared
    union
    select true, hashtextextended('usagekit ids ' || :table || ' ' || i.id, 0), false
    from unnest(:ids::text[]) as i (id)
    where cardinality(:ids::text[]) <= 128
    order by is_one_id, key
) l

-- name: find-shared-id
-- One of the ids that several rows have, in different partitions, or that is retained. After lock-ids, so that the snapshot of this statement has
-- all rows that were committed with these ids.
--
-- Parameters: :ids, text[].
-- Returns at most one row: id.
select r.id
from {rows} r
where r.id = any (:ids::text[])
group by r.id
having count(*) > 1
union all
select r.id
from {retained_ids} r
where r.role = {rows.role} and r.id = any (:ids::text[]) and r.retained_until > now()
limit 1

-- name: enter-ids
-- Enters the ids of partitions that have few rows, such as new ones, so that the next row needs no look into all partitions.
--
-- Returns a row: entered, an empty text.
select {enter_ids}(null)::text as entered

-- name: touch-event
-- Says that an event of a project is changed now, and keeps it from being changed or deleted for good until this transaction ends.
--
-- Parameters: :project_id, :id, :now.
-- Returns one row, or none if there is no such event: created_at.
update {only} {events}
set updated_at = :now
where id = :id
    and (project_id = :project_id) {unindexed}
    {times}
returning created_at

-- name: delete-endpoints
-- Deletes the endpoints to which an event is to be delivered, also those that a previous version recorded without project and time.
--
-- Parameters: :event_id, of an event that touch-event has locked.
delete from {events_endpoints} where event_id = :event_id

-- name: update-status
-- Sets the status of an event of a project.
--
-- Parameters: :project_id, :id, :status, :now.
update {only} {events}
set status = :status, updated_at = :now
where id = :id
    and (project_id = :project_id) {unindexed}
    {times}

-- name: update-delivery-status
-- Sets the status of a delivery of a project, and its failure reason where one is given. Otherwise removes that if the delivery succeeded.
--
-- Parameters: :project_id, :id, :status, :now; :failure_reason, text[], with one element or none.
update {only} {deliveries}
set
    status = :status,
    failure_reason = coalesce(
        (:failure_reason::text[])[1],
        case when :status = 'Success' then '' else failure_reason end
    ),
    updated_at = :now
where id = :id
    and (project_id = :project_id) {unindexed}
    {times}
