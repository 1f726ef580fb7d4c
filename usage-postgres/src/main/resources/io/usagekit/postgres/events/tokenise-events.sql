-- Makes a batch of a project's events findable by text, those that aren't yet. Whatever ASCII characters aren't letters or digits
-- part words, so that PostgreSQL's parser has nothing to guess about (it takes octo-org/octo-repo for a file). 100,000
-- characters never have more words than a tsvector holds.
--
-- Parameters: :project_id; :most, how many events at most; those of the filter's parts and of the place.
-- Returns a row, none if there are no events left: written, how many are findable now; last_created_at and last_id, the place of
-- the last event of the batch.
with batch as materialized (
    select e.id, e.project_id, e.created_at, e.event_type, e.raw
    from {events} e
    where e.project_id = :project_id
        {filter}
        {beyond}
    order by e.created_at {order}, e.id collate "C" {order}
    limit :most
),

written as (
    insert into {events_search} (event_id, project_id, event_created_at, words)
    select
        b.id,
        b.project_id,
        b.created_at,
        to_tsvector(
            'simple', regexp_replace(b.event_type || ' ' || left(b.raw, 100000), '[ -/:-@[-`{-~]+', ' ', 'g')
        )
    from batch b
    where not exists (select from {events_search} s where s.event_id = b.id)
    on conflict do nothing
    returning event_id
)

select
    (select count(*) from written) as written,
    b.created_at as last_created_at,
    b.id as last_id
from batch b
order by b.created_at desc, b.id collate "C" desc
limit 1
