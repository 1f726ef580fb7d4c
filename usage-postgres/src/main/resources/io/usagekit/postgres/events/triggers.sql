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

-- The id of an event that a partition has got, and its key as long as others repeat that. A transaction that inserts an id which another one has
-- entered waits until that ends, as at a unique index. An entry whose event is missing, e.g. with a partition that was dropped, is taken over.
create or replace function {enter_id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    is_repeated boolean := new.idempotency_key <> '' and not new.is_duplicate and new.deleted_at is null;
    project text := case when is_repeated then new.project_id end;
    key text := case when is_repeated then new.idempotency_key end;
    known timestamptz;
begin
    if tg_op = 'UPDATE' then
        if old.id = new.id then
            update {events_ids} i
            set created_at = new.created_at, partition = tg_relid, project_id = project, idempotency_key = key
            where i.id = old.id and i.created_at = old.created_at;
            if found then
                return null;
            end if;
        else
            delete from {events_ids} i where i.id = old.id and i.created_at = old.created_at;
        end if;
    end if;
    loop
        insert into {events_ids} (id, created_at, partition, project_id, idempotency_key)
        values (new.id, new.created_at, tg_relid, project, key)
        on conflict (id) do nothing;
        exit when found;
        select i.created_at into known from {events_ids} i where i.id = new.id for no key update;
        if found then
            if known <> new.created_at
                and exists (select from {events} e where e.id = new.id and e.created_at = known) then
                raise exception 'the id "%" is taken', new.id using errcode = 'unique_violation';
            end if;
            update {events_ids} i
            set created_at = new.created_at, partition = tg_relid, project_id = project, idempotency_key = key
            where i.id = new.id;
            exit;
        end if;
    end loop;
    return null;
end
$usagekit$;

-- Fires before the triggers that replace foreign keys, by its name: they see the rows of a transaction that has locked the entry.
create or replace function {delete_id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if tg_op = 'TRUNCATE' then
        delete from {events_ids};
    else
        delete from {events_ids} i where i.id = old.id and i.created_at = old.created_at;
    end if;
    return null;
end
$usagekit$;

-- Here, so that no transaction that records inserts it, and others wait for that one.
insert into {events_ids_partitions} default values on conflict do nothing;

-- Whether the ids of all partitions are entered, and of no others. A partition that was attached after that may have other rows, also if it was
-- one before. Never where the rows of one time are in several partitions, e.g. one for each project: those may share an id at one time, and an entry
-- says no more of its event than the time.
create or replace function {are_ids_entered}() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    return (
        select coalesce(entered.partitions, '{}') = present.partitions
            and coalesce(entered.attached_by, '{}') = present.attached_by
            and not exists (
                select
                from pg_partitioned_table t
                left join pg_attribute a on a.attrelid = t.partrelid and a.attnum = t.partattrs[0]
                where t.partrelid = {events.literal}::regclass
                    and (t.partnatts > 1 or a.attname is distinct from 'created_at')
            )
        from (
            select
                coalesce(array_agg(i.inhrelid order by i.inhrelid), '{}') as partitions,
                coalesce(array_agg(i.xmin order by i.inhrelid), '{}') as attached_by
            from pg_inherits i
            where i.inhparent = {events.literal}::regclass
        ) present
        left join {events_ids_partitions} entered on true
    );
end
$usagekit$;

-- The partitions of which ids may not be entered, but for those that have partitions of their own, or whose rows the owner of this function may not
-- read or lock.
create or replace function {unentered_partitions}() returns setof oid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    return query
        select i.inhrelid
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = {events.literal}::regclass
            and c.relkind = 'r'
            and has_table_privilege(c.oid, 'select')
            and has_any_column_privilege(c.oid, 'update')
            and not exists (
                select
                from {events_ids_partitions} e, unnest(e.partitions, e.attached_by) as k (id, attached_by)
                where k.id = i.inhrelid and k.attached_by = i.xmin
            )
        order by i.inhrelid;
end
$usagekit$;

-- Enters the ids of the next rows of a partition, at most so many, behind an id or from the first one on. The rows are locked: a deletion of one of them
-- waits, and then sees its entry, or this waits for the deletion. An entry of another partition of the table stays. Returns the last id, or null where
-- there are no more. Reads no other table than a partition of the events: the function runs with the rights of its owner.
create or replace function {enter_ids_of}(given oid, after text, most bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    last text;
begin
    perform from pg_inherits i where i.inhrelid = given and i.inhparent = {events.literal}::regclass;
    if not found then
        return null;
    end if;
    execute format(
        'with next as materialized ('
            || ' select e.id, e.created_at, e.tableoid, e.project_id, e.idempotency_key,'
            || ' e.idempotency_key <> '''' and not e.is_duplicate and e.deleted_at is null as is_repeated'
            || ' from %s e where ($2 is null or e.id > $2) order by e.id, e.created_at limit $3 for key share'
            || '), entered as ('
            || ' insert into %s as i (id, created_at, partition, project_id, idempotency_key)'
            || ' select distinct on (n.id) n.id, n.created_at, n.tableoid,'
            || ' case when n.is_repeated then n.project_id end, case when n.is_repeated then n.idempotency_key end'
            || ' from next n order by n.id'
            || ' on conflict (id) do update set created_at = excluded.created_at, partition = excluded.partition,'
            || ' project_id = excluded.project_id, idempotency_key = excluded.idempotency_key'
            || ' where pg_partition_root(i.partition) is distinct from $1'
            || ') select max(n.id) from next n',
        given::regclass,
        {events_ids.literal}
    )
    into last
    using {events.literal}::regclass, after, most;
    return last;
end
$usagekit$;

-- Lists partitions whose ids are entered: the given one; or, where none is given, those that have at most 1,000 rows, whose ids it enters itself, unless
-- many partitions are left or another session lists some. A partition isn't listed if it has an id that another one has as well. Those that are
-- gone are remembered, until their entries are deleted.
create or replace function {enter_ids}(given oid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    known {events_ids_partitions};
    leaf record;
    is_entered boolean;
    is_small boolean;
    entered oid[] := '{}';
    entered_by xid[] := '{}';
    missing oid[];
    unentered oid[] := array(select {unentered_partitions}());
begin
    if given is null then
        select * into known from {events_ids_partitions} for update skip locked;
    else
        select * into known from {events_ids_partitions} for update;
    end if;
    if not found then
        return;
    end if;
    for leaf in
        select i.inhrelid as id, i.xmin as attached_by, k.id is not null as is_entered
        from pg_inherits i
        left join unnest(known.partitions, known.attached_by) as k (id, attached_by)
            on k.id = i.inhrelid and k.attached_by = i.xmin
        where i.inhparent = {events.literal}::regclass
        order by i.inhrelid
    loop
        is_entered := leaf.is_entered;
        if not is_entered and leaf.id = any (unentered) and (leaf.id = given or cardinality(unentered) <= 32) then
            is_small := false;
            if given is null then
                execute format('select count(*) <= 1000 from (select from %s limit 1001) e', leaf.id::regclass)
                into is_small;
            end if;
            if is_small or leaf.id = given then
                execute format(
                    'select not exists ('
                        || 'select from %s e join %s i on i.id = e.id'
                        || ' where i.created_at <> e.created_at and pg_partition_root(i.partition) = $1)',
                    leaf.id::regclass,
                    {events_ids.literal}
                )
                into is_entered
                using {events.literal}::regclass;
            end if;
            if is_entered and is_small then
                perform {enter_ids_of}(leaf.id, null, 1001);
            end if;
            if is_entered then
                execute format(
                    'select not exists ('
                        || 'select from %s e left join %s i on i.id = e.id and i.created_at = e.created_at where i.id is null'
                        || ' or e.idempotency_key <> '''' and not e.is_duplicate and e.deleted_at is null'
                        || ' and (i.project_id, i.idempotency_key) is distinct from (e.project_id, e.idempotency_key))',
                    leaf.id::regclass,
                    {events_ids.literal}
                )
                into is_entered;
            end if;
        end if;
        if is_entered then
            entered := entered || leaf.id;
            entered_by := entered_by || leaf.attached_by;
        end if;
    end loop;
    missing := known.gone || array(select unnest(known.partitions) except select unnest(entered));
    update {events_ids_partitions} e
    set partitions = entered, attached_by = entered_by, gone = missing
    where (e.partitions, e.attached_by, e.gone) is distinct from (entered, entered_by, missing);
end
$usagekit$;

-- Deletes entries of partitions that are gone, at most so many; returns how many.
create or replace function {delete_old_ids}(most bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    deleted bigint;
begin
    perform from {events_ids_partitions} e where e.gone <> '{}' for update;
    if not found then
        return 0;
    end if;
    delete from {events_ids} i
    where i.id in (
        select o.id
        from {events_ids} o
        where pg_partition_root(o.partition) is distinct from {events.literal}::regclass
        limit most
    );
    get diagnostics deleted = row_count;
    if deleted < most then
        update {events_ids_partitions} set gone = '{}';
    end if;
    return deleted;
end
$usagekit$;

-- The keys of these, pairs of a project and a key, that live events have which are no duplicates. Where the ids of all partitions are entered, the entries
-- are asked, and of those that have one of the keys, their events: a partition may have been truncated. Only for a role that may read keys.
create or replace function {live_keys}(project_ids text[], keys text[]) returns table (project_id text, idempotency_key text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $usagekit$
declare
    role name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    ids text[];
    created_ats timestamptz[];
    first timestamptz;
    last timestamptz;
begin
    if not has_column_privilege(role, {events.literal}::regclass, 'idempotency_key', 'select') then
        raise exception 'permission denied for idempotency keys' using errcode = 'insufficient_privilege';
    end if;
    if not {are_ids_entered}() or not exists (select from pg_class c where c.oid = {events.literal}::regclass and c.relkind = 'p') then
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
    select array_agg(i.id), array_agg(i.created_at), min(i.created_at), max(i.created_at)
    into ids, created_ats, first, last
    from unnest(project_ids, keys) as k (project_id, idempotency_key)
    cross join lateral (
        select i.id, i.created_at
        from {events_ids} i
        where i.project_id = k.project_id and i.idempotency_key = k.idempotency_key
        offset 0
    ) i;
    if ids is not null then
        -- Planned for these times, so that it names their partitions only.
        return query execute format(
            $query$
                select distinct e.project_id, e.idempotency_key
                from unnest($1, $2) as i (id, created_at)
                cross join lateral (
                    select e.project_id, e.idempotency_key
                    from %s e
                    where e.id = i.id
                        and e.created_at = i.created_at
                        and e.created_at between $3 and $4
                        and e.idempotency_key <> ''
                        and not e.is_duplicate
                        and e.deleted_at is null
                    offset 0
                ) e
            $query$,
            {events.literal}
        )
        using ids, created_ats, first, last;
    end if;
end
$usagekit$;

grant execute on function
    {live_keys}(text[], text[]), {are_ids_entered}(), {unentered_partitions}(), {enter_ids_of}(oid, text, bigint), {enter_ids}(oid), {delete_old_ids}(bigint)
to public;

revoke execute on function {fill_endpoint}(), {move_endpoints}(), {delete_words}(), {merge_words}(), {enter_id}(), {delete_id}() from public;

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
        where tgrelid = {events.literal}::regclass and tgname = 'usagekit_enter_id'
    ) then
        create trigger usagekit_enter_id
            after insert on {events} for each row
            when (pg_catalog.pg_partition_root(new.tableoid) is not null)
            execute function {enter_id}();
        create trigger usagekit_change_id
            after update of id, created_at, project_id, idempotency_key, is_duplicate, deleted_at on {events} for each row
            when (
                (
                    (old.id, old.created_at) is distinct from (new.id, new.created_at)
                    or (old.idempotency_key <> '' or new.idempotency_key <> '')
                    and (old.project_id, old.idempotency_key, old.is_duplicate, old.deleted_at is null)
                    is distinct from (new.project_id, new.idempotency_key, new.is_duplicate, new.deleted_at is null)
                )
                and pg_catalog.pg_partition_root(new.tableoid) is not null
            )
            execute function {enter_id}();
        create trigger usagekit_delete_id
            after delete on {events} for each row
            when (pg_catalog.pg_partition_root(old.tableoid) is not null)
            execute function {delete_id}();
        create trigger usagekit_truncate_ids
            after truncate on {events} for each statement
            execute function {delete_id}();
        -- Also for rows that replication applies.
        alter table {events} enable always trigger usagekit_enter_id;
        alter table {events} enable always trigger usagekit_change_id;
        alter table {events} enable always trigger usagekit_delete_id;
        alter table {events} enable always trigger usagekit_truncate_ids;
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
