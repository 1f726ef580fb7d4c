-- The search index of events: a copy of their words, made and deleted by window.

-- name: tokenise-events
-- Adds a batch of a project's events to the search index, those that aren't in it yet. They are locked, so that a transaction which deletes one
-- or changes its payload waits and then deletes its words; those that are being changed are left to the next run. All ASCII characters that are
-- neither letters nor digits separate words, so that PostgreSQL's parser has nothing to guess about (it takes octo-org/octo-repo for a file).
-- 100,000 characters never have more words than a tsvector holds.
--
-- Parameters: :project_id; :limit, how many events at most; those of the filter and of the keyset condition.
-- Returns a row, none if there are no events left: changed, how many events were added; last_created_at and last_id, the place of
-- the last event of the batch.
with batch as materialized (
    select e.id, e.created_at
    from {events} e
    where e.project_id = :project_id
        {filter}
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

locked as materialized (
    select e.id, e.project_id, e.created_at, e.event_type, e.raw
    from {events} e
    where e.id = any (
            array(select b.id from batch b where not exists (select from {events_search} s where s.event_id = b.id))
        )
        and e.created_at between (select min(b.created_at) from batch b) and (select max(b.created_at) from batch b)
        and {is-of-project}
    for share skip locked
),

changed as (
    insert into {events_search} (event_id, project_id, event_created_at, words)
    select
        e.id,
        e.project_id,
        e.created_at,
        to_tsvector(
            'simple', regexp_replace(e.event_type || ' ' || left(e.raw, 100000), '[ -/:-@[-`{-~]+', ' ', 'g')
        )
    from locked e
    on conflict do nothing
    returning event_id
)

{batch-result}

-- name: find-words
-- The events of a project that contain the words that are looked for, in blocks of time. The plan depends on neither statistics nor values, since the
-- conditions compare with the results of subqueries: the index of words and blocks is read, and then as many rows as are returned.
--
-- Parameters: :project_id, :text; :blocks, bigint[], as SearchBlocks numbers them; :limit, how many rows at most.
-- Returns in no order, among them maybe events of other projects, with the same hash: project_id; created_at and id, the key.
with found as materialized (
    select project_id, event_created_at, event_id
    from {events_search} s
    where words @@ (select {words-of-text})
        and {has-phrases}
        and {search.blocks} && array(select hashtextextended(:project_id, b) from unnest(:blocks::bigint[]) b)
)

select f.project_id, f.event_created_at as created_at, f.event_id as id
from found f
limit :limit

-- name: walk-events-for-words
-- The keys of a project's events that meet a filter, after the cursor, and which of them contain the words that are looked for.
--
-- Parameters: :project_id, :text; :limit, how many events at most; those of the filter and of the keyset condition.
-- Returns in scan direction: created_at and id, the key; is_met.
select
    e.created_at,
    e.id,
    {has-words} as is_met
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

-- name: delete-tokens
-- Deletes a batch of a project's events from the search index; by an array, as soft-delete-events does.
--
-- Parameters: :project_id; :from and :before, the window [from, before); :limit, how many events at most; those of the keyset condition.
-- Returns a row, none if there are no events left: changed, how many were deleted, fewer than the batch has where another transaction
-- deleted some meanwhile; last_created_at and last_id, the place of the last event of the batch.
with batch as materialized (
    select s.id, s.created_at
    from (select event_id as id, event_created_at as created_at, project_id from {events_search}) s
    where s.project_id = :project_id
        and s.created_at >= :from
        and s.created_at < :before
        {keyset-condition}
    order by s.created_at {direction}, s.id collate "C" {direction}
    limit :limit
),

changed as (
    delete from {events_search}
    where event_id = any (array(select b.id from batch b))
    returning event_id
)

{batch-result}
