-- The triggers of the ledger. Functions run as their owner: a role that may insert or update a row needs no further privilege.

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

revoke execute on function {fill_endpoint}(), {move_endpoints}(), {delete_words}() from public;

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
end
$usagekit$;
