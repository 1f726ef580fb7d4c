-- Pages of the events that are to be delivered to one of many endpoints. The keys of events, (created_at, id), come in order for each endpoint
-- and are merged by Java; the events are then looked up by their keys.

-- name: find-owned-endpoints
-- The endpoints of a project that belong to an owner.
--
-- Parameters: :project_id, :owner_id.
-- Returns: id.
select p.id
from {endpoints} p
where p.project_id = :project_id and p.owner_id = :owner_id

-- name: page-endpoint-keys
-- The keys of the first events of each of many endpoints of a project, after the cursor.
--
-- Parameters: :project_id; :endpoint_ids, text[]; :limit, how many keys of each endpoint at most; those of the window and of
-- the keyset condition.
-- Returns: endpoint_id; created_at and id, the key.
select i.endpoint_id, e.created_at, e.id
from unnest(:endpoint_ids::text[]) as i (endpoint_id)
cross join lateral (
    select e.created_at, e.id
    from (select project_id, endpoint_id, created_at, event_id as id from {events_endpoints}) e
    where e.project_id = :project_id
        and e.endpoint_id = i.endpoint_id
        {window}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
) e

-- name: walk-endpoint-keys
-- The keys of a project's events, after the cursor, and which of them are to be delivered to one of many endpoints. The array is compared
-- with the few endpoints of an event, rather than each of its ids looked up for each event.
--
-- Parameters: :project_id; :endpoint_ids, text[]; :limit, how many events at most; those of the filter and of the keyset condition.
-- Returns in scan direction: created_at and id, the key; is_met.
select
    e.created_at,
    e.id,
    {has-endpoint} as is_met
from (
    select e.project_id, e.created_at, e.id
    from {events} e
    where e.project_id = :project_id
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
) e
order by e.created_at {direction}, e.id collate "C" {direction}

-- name: page-events-of-keys
-- The events with these keys that meet a filter.
--
-- Parameters: :project_id; :ids, text[], and :created_ats, timestamptz[], of equal length; :limit, how many rows at most; :octets, how many
-- octets end the page; those of the filter.
-- Returns in scan direction: the columns of an event.
with scanned as (
    select e.*
    from unnest(:ids::text[], :created_ats::timestamptz[]) as k (key_id, key_created_at)
    cross join lateral (
        select *
        from {events} e
        where e.id = k.key_id and e.created_at = k.key_created_at
        offset 0
    ) e
    where e.project_id = :project_id
        {filter}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

{scanned-events}
