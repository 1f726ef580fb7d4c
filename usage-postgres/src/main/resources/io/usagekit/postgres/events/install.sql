-- What an installation looks up, and how it fills columns of rows that previous versions recorded.

-- name: has-trigger
-- Whether a table has a trigger whose definition has certain texts.
--
-- Parameters: :table, qualified and quoted; :name; :patterns, text[], each as of "like".
-- Returns one row: answer.
select exists (
    select
    from pg_catalog.pg_trigger g
    where g.tgrelid = to_regclass(:table)
        and g.tgname = :name::text
        and pg_catalog.pg_get_triggerdef(g.oid) like all (:patterns::text[])
) as answer

-- name: are-functions-current
-- Whether the functions of the ledger, with those of one table of ids, are of a later version; or of this one, and none that is the owner's alone is granted
-- to all. A restore without privileges and the installation of a version that had no number yet do grant them, and leave the number as it is.
--
-- Returns one row: answer.
select exists (
    select
    from pg_catalog.pg_description d, substring(d.description from '^usagekit ([0-9]+)$') as version
    where d.classoid = 'pg_catalog.pg_proc'::regclass
        and d.objoid = to_regproc({lock_ids.literal})
        and (
            version::bigint > {functions.version}
            or (
                version::bigint = {functions.version}
                and not exists (
                    select
                    from pg_catalog.pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
                    where a.grantee = 0
                        and p.oid in (
                            to_regproc({fill_endpoint.literal}),
                            to_regproc({move_endpoints.literal}),
                            to_regproc({delete_words.literal}),
                            to_regproc({merge_words.literal}),
                            to_regproc({enter_id.literal}),
                            to_regproc({delete_id.literal}),
                            to_regproc({unentered_partitions.literal}),
                            to_regproc({enter_ids_of.literal}),
                            to_regproc({delete_old_ids.literal}),
                            to_regproc({retain_ids.literal}),
                            to_regproc({refuse_retained_id.literal})
                        )
                )
            )
        )
) as answer

-- name: are-endpoints-filled
-- Whether each row of the endpoints of events has a project and a time, unless its event is missing. Both are set together, so that the index
-- of pages finds the others.
--
-- Returns one row: answer.
select not exists (
    select
    from {events_endpoints} n
    where n.project_id is null and exists (select from {events} e where e.id = n.event_id)
) as answer

-- name: delete-orphaned-words
-- Deletes the words of events that were deleted before a trigger did so.
delete from {events_search} s
where not exists (select from {events} e where e.id = s.event_id and e.project_id = s.project_id)

-- name: move-words
-- Sets the time of words to that of their event, where it was changed before a trigger deleted the words then.
update {events_search} s
set event_created_at = e.created_at
from {events} e
where e.id = s.event_id
    and e.project_id = s.project_id
    and e.created_at <> s.event_created_at

-- name: list-projects
-- All projects.
--
-- Returns: id.
select p.id
from {projects} p
order by p.id

-- name: fill-endpoints
-- Sets the project and time in the endpoints of a batch of a project's events, where they are missing. From the events, since an id alone has
-- to be looked up in each partition; those at infinity are left to fill-infinite-endpoints, since no batch can begin after them.
--
-- Parameters: :project_id; :limit, how many events at most; those of the keyset condition.
-- Returns a row, none if there are no events left: changed, how many rows were filled; last_created_at and last_id, the place of the last
-- event of the batch.
with batch as materialized (
    select e.id, e.project_id, e.created_at
    from {events} e
    where e.project_id = :project_id
        and isfinite(e.created_at)
        {keyset-condition}
    order by e.created_at {direction}, e.id collate "C" {direction}
    limit :limit
),

changed as (
    update {events_endpoints} n
    set project_id = b.project_id, created_at = b.created_at
    from batch b
    where n.event_id = b.id
        and n.event_id = any (array(select id from batch))
        and n.project_id is null
    returning n.event_id
)

{batch-result}

-- name: fill-infinite-endpoints
-- Sets the project and time in the endpoints of a project's events at infinity, where they are missing.
--
-- Parameter: :project_id.
update {events_endpoints} n
set project_id = e.project_id, created_at = e.created_at
from {events} e
where e.project_id = :project_id
    and e.created_at in ('-infinity', 'infinity')
    and n.event_id = e.id
    and n.project_id is null

-- name: fill-all-endpoints
-- Sets the project and time in the endpoints of events, where they are missing, at once.
update {events_endpoints} n
set project_id = e.project_id, created_at = e.created_at
from {events} e
where e.id = n.event_id and n.project_id is null

-- name: are-ids-entered
-- Whether the ids of the rows in all partitions are entered, and none where the table isn't partitioned.
--
-- Returns one row: answer.
select {are_ids_entered}() as answer

-- name: may-enter-ids
-- Whether this role may enter the ids of partitions, and delete those of partitions that are missing.
--
-- Returns one row: answer.
select bool_and(has_function_privilege(f, 'execute')) as answer
from unnest(array[{unentered_partitions.literal}, {enter_ids_of.literal}, {delete_old_ids.literal}]::regproc[]) f

-- name: list-unentered-partitions
-- The partitions of which ids may not be entered, but can be.
--
-- Returns: partition, its object id.
select p::bigint as partition
from {unentered_partitions}() p

-- name: enter-ids-of
-- Enters the ids of the next rows in a partition.
--
-- Parameters: :partition, its object id; :after, text[], the id behind which they are, empty for the first; :limit, at most so many.
-- Returns a row: last, the last of these ids, or null where there are no more.
select {enter_ids_of}(:partition::bigint::oid, (:after::text[])[1], :limit::bigint) as last

-- name: list-entered-partition
-- Lists a partition as one whose ids are entered, if they are.
--
-- Parameter: :partition, its object id.
-- Returns a row: entered, an empty text.
select {enter_ids}(:partition::bigint::oid)::text as entered

-- name: delete-old-ids
-- Deletes ids that were entered of partitions that are missing, or of rows that were deleted while their partition was detached.
--
-- Parameter: :limit, at most so many.
-- Returns a row: deleted, their number.
select {delete_old_ids}(:limit::bigint) as deleted

-- name: enter-all-ids
-- Enters the ids of the rows in all partitions at once.
--
-- Returns a row for each partition: entered, an empty text.
select {enter_ids}(p.id)::text as entered
from (
    select p as id, {enter_ids_of}(p, null, 9223372036854775807) as last
    from {unentered_partitions}() p
    offset 0
) p
