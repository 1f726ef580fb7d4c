-- The triggers of the ledger. Their functions run as their owner: a role that may insert or update a row needs no further
-- privilege.

-- The project and time of a row's event, where a previous version or the host's SQL inserts the row without them. The event is locked: who
-- changes its project or time meanwhile waits for this row, or this waits for the change.
create or replace function {fill_endpoint}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    select e.project_id, e.created_at
    into new.project_id, new.created_at
    from {events} e
    where e.id = new.event_id
    limit 1
    for share;
    return new;
end
$usagekit$;

-- Before the update, since a row that moves to another partition is deleted and inserted: no trigger runs after its update. Rows without
-- project and time are set as well: an installation that fills them may have read the event before.
create or replace function {move_endpoints}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    update {events_endpoints}
    set project_id = new.project_id, created_at = new.created_at
    where event_id = old.id
        and (project_id is null or created_at is null or (project_id = old.project_id and created_at = old.created_at));
    return new;
end
$usagekit$;

-- The words of an event go in the transaction that deletes the event or changes what they were made of, or the place of its row.
create or replace function {delete_words}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if tg_op = 'TRUNCATE' then
        delete from {events_search};
    else
        delete from {events_search} where event_id = old.id and project_id = old.project_id;
    end if;
    return null;
end
$usagekit$;

-- Puts the entries of added words into their places in the index, all those of a batch at once: each search reads what is pending.
create or replace function {merge_words}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    perform gin_clean_pending_list(c.oid)
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
    where i.indrelid = tg_relid
        and i.indisvalid
        and m.amname = 'gin'
        and pg_has_role(c.relowner, 'usage');
    return null;
end
$usagekit$;

-- The keys of these, pairs of a project and a key, that live events have which are no duplicates. Where the ids of all partitions are entered, the entries
-- are asked, and of those that have one of the keys, their events: a partition may have been truncated. A caller that knows whether they are entered
-- says so. Runs as its caller, like the next one: the privileges and row security of that hold.
drop function if exists {live_keys}(text[], text[]);

create or replace function {live_keys}(project_ids text[], keys text[], are_entered boolean default null)
returns table (project_id text, idempotency_key text)
language plpgsql stable
set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $usagekit$
declare
    ids text[];
    created_ats timestamptz[];
    ids_projects text[];
    ids_keys text[];
    first timestamptz;
    last timestamptz;
    found_projects text[];
    found_keys text[];
begin
    if not exists (select from pg_class c where c.oid = {events.literal}::regclass and c.relkind = 'p')
        or not coalesce(are_entered, {are_ids_entered}()) then
        return query
            select k.project_id, k.idempotency_key
            from unnest(project_ids, keys) as k (project_id, idempotency_key)
            cross join lateral (
                select
                from {events} e
                where e.project_id = k.project_id
                    and e.idempotency_key = k.idempotency_key
                    and e.idempotency_key <> ''
                    and not e.is_duplicate
                    and e.deleted_at is null
                limit 1
            ) e;
        return;
    end if;
    select
        array_agg(i.id),
        array_agg(i.created_at),
        array_agg(k.project_id),
        array_agg(k.idempotency_key),
        min(i.created_at),
        max(i.created_at)
    into ids, created_ats, ids_projects, ids_keys, first, last
    from unnest(project_ids, keys) as k (project_id, idempotency_key)
    cross join lateral (
        select i.id, i.created_at
        from {events_ids} i
        where i.project_id = k.project_id and i.idempotency_key = k.idempotency_key
        offset 0
    ) i;
    if ids is not null then
        -- Planned for these times, so that it names their partitions only. Into variables, since PostgreSQL 13 plans "return query execute" for any
        -- times. Each event is looked up by its id and time alone: without statistics an index by project and time may look as good, which has all
        -- events of one time.
        execute format(
            $query$
                select array_agg(k.project_id), array_agg(k.idempotency_key)
                from (
                    select distinct e.project_id, e.idempotency_key
                    from unnest($1, $2, $3, $4) as i (id, created_at, project_id, idempotency_key)
                    cross join lateral (
                        select e.project_id, e.idempotency_key, e.is_duplicate, e.deleted_at
                        from %s e
                        where e.id = i.id and e.created_at = i.created_at and e.created_at between $5 and $6
                        offset 0
                    ) e
                    where e.project_id = i.project_id
                        and e.idempotency_key = i.idempotency_key
                        and not e.is_duplicate
                        and e.deleted_at is null
                ) k
            $query$,
            {events.literal}
        )
        into found_projects, found_keys
        using ids, created_ats, ids_projects, ids_keys, first, last;
        return query select * from unnest(found_projects, found_keys) as known (project_id, idempotency_key);
    end if;
end
$usagekit$;

-- Locks events against deletion for good until the transaction ends, in the order in which deletion locks them, so that the two don't deadlock. Returns those
-- of the ids that are there in their projects. Entries say in which partitions they are; all partitions are asked for those that aren't found there.
create or replace function {lock_events}(project_ids text[], ids text[]) returns table (project_id text, id text)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $usagekit$
declare
    entered text[];
    created_ats timestamptz[];
    first timestamptz;
    last timestamptz;
    found_projects text[];
    found_ids text[];
    missing text[] := ids;
begin
    if not exists (select from pg_class c where c.oid = {events.literal}::regclass and c.relkind = 'p') then
        return query
            select e.project_id, e.id
            from {events} e
            where e.id = any (ids)
            order by e.created_at, e.id collate "C"
            for key share;
        return;
    end if;
    select
        array_agg(i.id order by i.created_at, i.id collate "C"),
        array_agg(i.created_at order by i.created_at, i.id collate "C"),
        min(i.created_at),
        max(i.created_at)
    into entered, created_ats, first, last
    from {events_ids} i
    where i.id = any (ids);
    if entered is not null then
        -- Planned for these times, so that it names their partitions only.
        execute format(
            $query$
                select array_agg(e.project_id), array_agg(e.id)
                from unnest($1, $2) as i (id, created_at)
                cross join lateral (
                    select e.project_id, e.id
                    from %s e
                    where e.id = i.id and e.created_at = i.created_at and e.created_at between $3 and $4
                    for key share
                ) e
            $query$,
            {events.literal}
        )
        into found_projects, found_ids
        using entered, created_ats, first, last;
        missing := array(
            select m.id
            from (
                select given.project_id, given.id from unnest(project_ids, ids) as given (project_id, id)
                except
                select known.project_id, known.id from unnest(found_projects, found_ids) as known (project_id, id)
            ) m
        );
    end if;
    return query select * from unnest(found_projects, found_ids) as known (project_id, id);
    if missing <> '{}' then
        return query
            select e.project_id, e.id
            from {events} e
            where e.id = any (missing)
                and not exists (
                    select
                    from unnest(found_projects, found_ids) as known (project_id, id)
                    where known.project_id = e.project_id and known.id = e.id
                )
            order by e.created_at, e.id collate "C"
            for key share;
    end if;
end
$usagekit$;

-- Locks the entries of events that are to be deleted: a transaction that records a delivery by SQL locks the entry of its event, and not the event.
-- Only for a role that may delete events.
create or replace function {lock_ids}(ids text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $usagekit$
declare
    role name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
    if not has_table_privilege(role, {events.literal}::regclass, 'delete') then
        raise exception 'permission denied to delete events' using errcode = 'insufficient_privilege';
    end if;
    perform from {events_ids} i where i.id = any (ids) order by i.id collate "C" for update;
end
$usagekit$;

grant execute on function {live_keys}(text[], text[], boolean), {lock_events}(text[], text[]), {lock_ids}(text[]) to public;

revoke execute on function {fill_endpoint}(), {move_endpoints}(), {delete_words}(), {merge_words}() from public;

-- An installation replaces the functions of this script and of ids.sql where this isn't their version, or a later one.
comment on function {lock_ids}(text[]) is 'usagekit {functions.version}';

do $usagekit$
begin
    if not exists (
        select
        from pg_catalog.pg_trigger
        where tgrelid = {events_endpoints.literal}::regclass and tgname = 'usagekit_fill_endpoint'
    ) then
        create trigger usagekit_fill_endpoint
            before insert on {events_endpoints} for each row
            when (new.project_id is null or new.created_at is null)
            execute function {fill_endpoint}();
    end if;
    if not exists (
        select
        from pg_catalog.pg_trigger
        where tgrelid = {events.literal}::regclass and tgname = 'usagekit_move_endpoints'
    ) then
        create trigger usagekit_move_endpoints
            before update of project_id, created_at on {events} for each row
            when (old.project_id is distinct from new.project_id or old.created_at is distinct from new.created_at)
            execute function {move_endpoints}();
    end if;
    if not exists (
        select
        from pg_catalog.pg_trigger
        where tgrelid = {events.literal}::regclass and tgname = 'usagekit_delete_words'
    ) then
        create trigger usagekit_delete_words
            after delete on {events} for each row
            execute function {delete_words}();
        create trigger usagekit_change_words
            after update of project_id, created_at, event_type, raw on {events} for each row
            when (
                (old.project_id, old.created_at, old.event_type, old.raw)
                is distinct from (new.project_id, new.created_at, new.event_type, new.raw)
            )
            execute function {delete_words}();
        create trigger usagekit_truncate_words
            after truncate on {events} for each statement
            execute function {delete_words}();
    end if;
    if not exists (
        select
        from pg_catalog.pg_trigger
        where tgrelid = {events_search.literal}::regclass and tgname = 'usagekit_merge_words'
    ) then
        create trigger usagekit_merge_words
            after insert on {events_search} for each statement
            execute function {merge_words}();
    end if;
end
$usagekit$;
