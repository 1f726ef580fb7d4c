-- Figures that processes share, leases on computing them, and fences. Each statement is one atomic step on the rows of {figure}: it decides
-- on a row that it has locked, by this server's clock. Only invalidate-organisation locks several rows, in the order of the primary key, and
-- prune skips rows that others have locked, so that no two statements wait for each other.
--
-- Times that are bound are in microseconds. The fragments are of a row f.

-- fragment: is-row
-- Whether it is the row of a key.
-- Parameters: :organisation_id; :starts_at and :ends_at, the window.
f.organisation_id = :organisation_id and f.starts_at = :starts_at and f.ends_at = :ends_at

-- fragment: age
-- The age of its figure in microseconds.
(extract(epoch from clock_timestamp() - f.born_at) * 1000000)::bigint

-- fragment: is-alive
-- Whether it has a figure that hasn't expired. One from the future was stored before this server's clock was set back: its age isn't known.
coalesce(f.born_at <= clock_timestamp() and f.expires_at > clock_timestamp(), false)

-- fragment: is-acceptable
-- Whether its figure meets the terms of a request for a lease.
-- Parameters: :acceptable_age; :awaited_fence.
({is-alive} and ({age} < :acceptable_age::bigint or coalesce(f.published >= :awaited_fence::bigint, false)))

-- fragment: is-locked
-- Whether there is a lease or a back-off. One that ends later than any does, a minute or the requested lease from now on, dates from
-- before this server's clock was set back, and counts for none.
-- Parameter: :lease.
coalesce(
    (f.holder is not null or f.failure is not null)
        and f.locked_until > clock_timestamp()
        and f.locked_until <= clock_timestamp() + greatest(:lease::bigint, 60000000) * interval '1 microsecond',
    false
)

-- fragment: is-held
-- Whether this token holds the lease.
-- Parameter: :token.
f.holder = :token and f.locked_until > clock_timestamp()

-- fragment: figure-columns
-- The figure and its age, as read-figure returns them: received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, computed_at, age.
f.received_volume,
f.received_bytes,
f.sent_volume,
f.sent_bytes,
f.unmeasured,
f.computed_at,
{age} as age

-- fragment: without-figure-and-lease
-- What an invalidation sets: neither figure nor lease, and no fence issued before may publish.
received_volume = null,
received_bytes = null,
sent_volume = null,
sent_bytes = null,
unmeasured = null,
computed_at = null,
born_at = null,
expires_at = null,
issued = null,
published = null,
invalidated = coalesce(f.issued, f.invalidated),
holder = null,
failure = null,
locked_until = null

-- name: read-figure
-- The figure of a key.
--
-- Parameters: :organisation_id, :starts_at, :ends_at.
-- Returns one row, or none if there is no figure or it has expired: received_volume, received_bytes, sent_volume, sent_bytes, unmeasured;
-- computed_at; age, in microseconds.
select {figure-columns}
from {figure} f
where {is-row} and {is-alive}

-- name: read-figures
-- The figures of several keys.
--
-- Parameters: :organisation_ids, :starts, :ends, arrays whose elements at one place are one key.
-- Returns for each figure that there is and that hasn't expired: place, of its key, from 1; the columns of figure-columns.
select k.place, {figure-columns}
from unnest(:organisation_ids::text[], :starts::timestamptz[], :ends::timestamptz[])
    with ordinality as k (organisation_id, starts_at, ends_at, place)
join {figure} f
    on f.organisation_id = k.organisation_id and f.starts_at = k.starts_at and f.ends_at = k.ends_at
where {is-alive}

-- name: put-figure
-- Stores a figure, in the place of the one that is stored; leaves lease and fences as they are. now() is earlier than this statement: what
-- passed between the two counts as age, rather than not.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :received_volume, :received_bytes, :sent_volume, :sent_bytes, :unmeasured;
-- :computed_at; :age; :time_to_live.
insert into {figure} as f (
    organisation_id, starts_at, ends_at,
    received_volume, received_bytes, sent_volume, sent_bytes, unmeasured, computed_at,
    born_at, expires_at, kept_until
)
values (
    :organisation_id, :starts_at, :ends_at,
    :received_volume, :received_bytes, :sent_volume, :sent_bytes, :unmeasured, :computed_at,
    now() - :age::bigint * interval '1 microsecond',
    now() + :time_to_live::bigint * interval '1 microsecond',
    now() + :time_to_live::bigint * interval '1 microsecond'
)
on conflict (organisation_id, starts_at, ends_at) do update
set received_volume = excluded.received_volume,
    received_bytes = excluded.received_bytes,
    sent_volume = excluded.sent_volume,
    sent_bytes = excluded.sent_bytes,
    unmeasured = excluded.unmeasured,
    computed_at = excluded.computed_at,
    born_at = excluded.born_at,
    expires_at = excluded.expires_at,
    kept_until = greatest(f.kept_until, excluded.kept_until)

-- name: acquire
-- Reads the figure, or acquires the lease on computing it. Writes nothing unless the lease is free as of the statement's snapshot; what is
-- written is decided again on the row itself, which another process may have changed since. A token that acquires again, since the answer
-- was lost, keeps its fence. A fence that was drawn before a later one was issued isn't used. Its lower 20 bits are random: a crash may lose numbers of the
-- sequence that were drawn last, and they are drawn again.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :token, of the requesting load; :lease; :acceptable_age, a younger figure is returned;
-- :awaited_fence, a figure that was published under it or a later one is returned at any age; :fence_life, how long to keep the fences.
-- Returns one row: kind, 'found', 'acquired', 'held' or 'failed'; fence, of the lease or the failure; remaining, until it ends, in
-- microseconds; reason, of the failure; and for 'found' the columns of figure-columns. No row, if the row has changed since the snapshot:
-- call again.
with stored as materialized (
    select
        f.issued as fence,
        f.holder,
        f.failure as reason,
        (extract(epoch from f.locked_until - clock_timestamp()) * 1000000)::bigint as remaining,
        {is-acceptable} as is_acceptable,
        {is-locked} as is_locked,
        {figure-columns}
    from {figure} f
    where {is-row}
),

acquired as (
    insert into {figure} as f (organisation_id, starts_at, ends_at, issued, holder, locked_until, kept_until)
    select
        :organisation_id::text,
        :starts_at::timestamptz,
        :ends_at::timestamptz,
        nextval({fence-name}) * 1048576 + floor(random() * 1048576)::bigint,
        :token::text,
        clock_timestamp() + :lease::bigint * interval '1 microsecond',
        clock_timestamp() + :fence_life::bigint * interval '1 microsecond'
    where not exists (
        select from stored s
        where s.is_acceptable or (s.is_locked and s.holder is distinct from :token)
    )
    on conflict (organisation_id, starts_at, ends_at) do update
    set issued = case when {is-locked} then f.issued else excluded.issued end,
        holder = excluded.holder,
        failure = null,
        locked_until = excluded.locked_until,
        kept_until = greatest(f.kept_until, excluded.kept_until)
    where not {is-acceptable}
        and (not {is-locked} or f.holder = :token)
        and excluded.issued > coalesce(greatest(f.issued, f.invalidated), 0)
    returning f.issued as fence
)

select
    'acquired' as kind,
    a.fence,
    null::text as reason,
    null::bigint as remaining,
    null::bigint as received_volume,
    null::bigint as received_bytes,
    null::bigint as sent_volume,
    null::bigint as sent_bytes,
    null::bigint as unmeasured,
    null::timestamptz as computed_at,
    null::bigint as age
from acquired a
union all
select
    case when s.is_acceptable then 'found' when s.holder is not null then 'held' else 'failed' end,
    s.fence,
    s.reason,
    s.remaining,
    s.received_volume,
    s.received_bytes,
    s.sent_volume,
    s.sent_bytes,
    s.unmeasured,
    s.computed_at,
    s.age
from stored s
where s.is_acceptable or (s.is_locked and s.holder is distinct from :token)

-- name: renew
-- Extends the lease, if this token holds it.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :token; :lease, from now on; :fence_life, how long to keep the fences from now on.
update {figure} f
set locked_until = clock_timestamp() + :lease::bigint * interval '1 microsecond',
    kept_until = greatest(f.kept_until, clock_timestamp() + :fence_life::bigint * interval '1 microsecond')
where {is-row} and {is-held}

-- name: publish
-- Stores a figure if its fence is the one issued last, and releases the lease if this token holds it. now() as in put-figure.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :token; :fence; :received_volume, :received_bytes, :sent_volume, :sent_bytes, :unmeasured;
-- :computed_at; :age; :time_to_live; :channel and :message, of the wake-up.
-- Returns one row: kind, 'stored', or if the figure is rejected 'superseded' by the one that is returned, 'lease_lost' or 'invalidated', or
-- 'changed' if the row has changed since the snapshot: call again; fence, the one issued last, or null; the columns of figure-columns. No
-- row, if the row is missing. notified isn't read.
with stored as (
    update {figure} f
    set received_volume = :received_volume,
        received_bytes = :received_bytes,
        sent_volume = :sent_volume,
        sent_bytes = :sent_bytes,
        unmeasured = :unmeasured,
        computed_at = :computed_at,
        born_at = now() - :age::bigint * interval '1 microsecond',
        expires_at = now() + :time_to_live::bigint * interval '1 microsecond',
        published = f.issued,
        holder = nullif(f.holder, :token),
        kept_until = greatest(f.kept_until, now() + :time_to_live::bigint * interval '1 microsecond')
    where {is-row} and f.issued = :fence
    returning f.issued
),

notified as materialized (
    select pg_notify(:channel::text, :message::text)::text as notified
    from stored
)

select
    'stored' as kind,
    s.issued as fence,
    null::bigint as received_volume,
    null::bigint as received_bytes,
    null::bigint as sent_volume,
    null::bigint as sent_bytes,
    null::bigint as unmeasured,
    null::timestamptz as computed_at,
    null::bigint as age,
    (select notified from notified) as notified
from stored s
union all
select
    case
        when f.issued = :fence then 'changed'
        when {is-alive} and (f.published > :fence or {age} < :age::bigint) then 'superseded'
        when f.issued is null or f.invalidated >= :fence then 'invalidated'
        else 'lease_lost'
    end,
    f.issued,
    {figure-columns},
    null
from {figure} f
where {is-row} and not exists (select from stored)

-- name: release
-- Releases the lease, if this token holds it.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :token; :channel and :message, of the wake-up.
-- Returns a row that isn't read.
with released as (
    update {figure} f
    set holder = null,
        locked_until = null
    where {is-row} and {is-held}
    returning f.issued
)

select pg_notify(:channel::text, :message::text)::text as notified
from released

-- name: fail
-- Replaces the lease by a back-off, if this token holds it.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :token; :reason; :back_off; :channel and :message, of the wake-up.
-- Returns a row that isn't read.
with failed as (
    update {figure} f
    set holder = null,
        failure = :reason,
        locked_until = clock_timestamp() + :back_off::bigint * interval '1 microsecond',
        kept_until = greatest(f.kept_until, clock_timestamp() + :back_off::bigint * interval '1 microsecond')
    where {is-row} and {is-held}
    returning f.issued
)

select pg_notify(:channel::text, :message::text)::text as notified
from failed

-- name: invalidate-figure
-- Removes figure, lease and failure of a key, so that no load in flight can publish. A load whose row isn't there yet begins afterwards, and
-- one whose row has been lost can't publish anyway.
--
-- Parameters: :organisation_id, :starts_at, :ends_at; :channel and :message, of the wake-up.
-- Returns a row that isn't read.
with invalidated as (
    update {figure} f
    set {without-figure-and-lease}
    where {is-row}
    returning f.invalidated
)

select pg_notify(:channel::text, :message::text)::text as notified
from (select count(*) from invalidated) as done

-- name: invalidate-organisation
-- Does the same for all windows of an organisation.
--
-- Parameters: :organisation_id; :channel and :message, of the wake-up.
-- Returns a row that isn't read.
with locked as materialized (
    select f.starts_at, f.ends_at
    from {figure} f
    where f.organisation_id = :organisation_id
    order by f.starts_at, f.ends_at
    for update
),

invalidated as (
    update {figure} f
    set {without-figure-and-lease}
    from locked l
    where f.organisation_id = :organisation_id and f.starts_at = l.starts_at and f.ends_at = l.ends_at
    returning f.invalidated
)

select pg_notify(:channel::text, :message::text)::text as notified
from (select count(*) from invalidated) as done

-- name: prune
-- Deletes rows whose time is over, unless another session does; those that others have locked are left.
--
-- Parameters: :most, how many at most.
with turn as materialized (
    select pg_try_advisory_xact_lock(hashtextextended('usagekit prune ' || {fence-name}, 0)) as is_ours
),

expired as materialized (
    select f.organisation_id, f.starts_at, f.ends_at
    from {figure} f
    where (select t.is_ours from turn t) and f.kept_until < clock_timestamp()
    limit :most
    for update skip locked
)

delete from {figure} f
using expired e
where f.organisation_id = e.organisation_id and f.starts_at = e.starts_at and f.ends_at = e.ends_at

-- name: ping
-- Shows that a connection answers.
--
-- Returns one row: answer.
select true as answer

-- name: listen
-- Script: has the session receive the wake-ups of {channel}.
listen {channel}

-- name: unlisten
-- Script: ends that.
unlisten {channel}

-- name: remove
-- Script: drops the table and the sequence.
drop table if exists {figure};
drop sequence if exists {fence}

-- name: schema-is-empty
-- Whether there is such a schema and nothing is in it.
--
-- Parameters: :schema, quoted.
-- Returns one row: answer.
select
    to_regnamespace(:schema) is not null
    and not exists (select from pg_catalog.pg_class where relnamespace = to_regnamespace(:schema))
    and not exists (select from pg_catalog.pg_proc where pronamespace = to_regnamespace(:schema))
    and not exists (select from pg_catalog.pg_type where typnamespace = to_regnamespace(:schema)) as answer

-- name: remove-schema
-- Script: drops an empty schema.
drop schema {schema}
