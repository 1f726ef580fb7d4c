-- The ids of the rows of a table, of events or of deliveries, while it is partitioned. Functions run as their owner: a role that may insert or update a row
-- needs no further privilege. Those that compare entries with rows fail where a policy would hide rows from the owner. Only the owner of these functions
-- may call those by which a caller would learn ids, or keep rows of others locked, in a transaction that it leaves open.

-- The id of a row that a partition has got, and the key of an event as long as others repeat that. A transaction that inserts an id which another one has
-- entered waits until that ends, as at a unique index. An entry whose row is missing, e.g. with a partition that was dropped, is taken over. After an
-- update, and where the entry exists, what is entered is read from the row: another trigger may have changed it, and what it is now may be entered already.
create or replace function {enter_id}() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp set row_security = off set enable_seqscan = off as $usagekit$
declare
    known timestamptz;
begin
    if tg_op = 'UPDATE' then
        if old.id <> new.id then
            delete from {ids} i
            where i.id = old.id
                and i.created_at = old.created_at
                and not exists (select from {rows} r where r.id = old.id and r.created_at = old.created_at);
        end if;
        select r.* into new from {rows} r where r.id = new.id and r.created_at = new.created_at;
        if not found then
            return null;
        end if;
        if old.id = new.id then
            update {ids} i
            set (created_at, partition{key.columns}) = row(new.created_at, tg_relid{key.of-new})
            where i.id = old.id and i.created_at = old.created_at;
            if found then
                return null;
            end if;
        end if;
    end if;
    loop
        insert into {ids} (id, created_at, partition{key.columns})
        values (new.id, new.created_at, tg_relid{key.of-new})
        on conflict (id) do nothing;
        exit when found;
        select i.created_at into known from {ids} i where i.id = new.id for no key update;
        if found then
            select r.* into new from {rows} r where r.id = new.id and r.created_at = new.created_at;
            if not found then
                return null;
            end if;
            if known <> new.created_at
                and exists (select from {rows} r where r.id = new.id and r.created_at = known) then
                if tg_op = 'UPDATE' and (old.id, old.created_at) = (new.id, new.created_at) then
                    return null;
                end if;
                raise exception 'the id "%" is taken', new.id using errcode = 'unique_violation';
            end if;
            update {ids} i
            set (created_at, partition{key.columns}) = row(new.created_at, tg_relid{key.of-new})
            where i.id = new.id;
            exit;
        end if;
    end loop;
    return null;
end
$usagekit$;

-- Fires before the triggers that replace foreign keys, by its name: they see the rows of a transaction that has locked the entry.
create or replace function {delete_id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $usagekit$
begin
    if tg_op = 'TRUNCATE' then
        delete from {ids};
    else
        delete from {ids} i where i.id = old.id and i.created_at = old.created_at;
    end if;
    return null;
end
$usagekit$;

-- Retains the ids of the rows that a statement of retention has deleted, and deletes up to twice as many, and 1,000, whose time is over; sets
-- usagekit.retention_left where there may be more of these. Of rows in
-- several partitions that share an id, one with a key goes first.
create or replace function {retain_ids}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    retained bigint;
    deleted bigint;
begin
    insert into {retained_ids} as r (role, id, project_id, retained_until{retained.columns})
    select distinct on (d.id) {rows.role}, d.id, d.project_id, now() + tg_argv[0]::interval{retained.of-deleted}
    from deleted d
    order by d.id{retained.of-deleted}
    on conflict (role, id) do update
    set (project_id, retained_until{retained.columns}) =
        row(excluded.project_id, excluded.retained_until{retained.of-excluded});
    get diagnostics retained = row_count;
    delete from {retained_ids} r
    where r.ctid = any (
        array(
            select o.ctid
            from {retained_ids} o
            where o.retained_until <= now()
            order by o.retained_until
            limit 1000 + 2 * retained
            for update skip locked
        )
    );
    get diagnostics deleted = row_count;
    if deleted = 1000 + 2 * retained then
        perform set_config('usagekit.retention_left', 'on', true);
    end if;
    return null;
end
$usagekit$;

-- Refuses a row whose id is retained. Where all of a transaction has one snapshot, it fails with a serialisation failure if the id was retained after
-- that: the insertion finds the entry which the look doesn't. An insertion that finds none proves that there is none. It is deleted by its place, since a look
-- by the id would depend on what other serialisable transactions insert beside it.
create or replace function {refuse_retained_id}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    place tid;
begin
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
        insert into {retained_ids} (role, id, project_id, retained_until)
        values ({rows.role}, new.id, '', '-infinity')
        on conflict do nothing
        returning ctid into place;
        if found then
            delete from {retained_ids} r where r.ctid = place;
            return null;
        end if;
    end if;
    if exists (
        select from {retained_ids} r where r.role = {rows.role} and r.id = new.id and r.retained_until > now()
    ) then
        raise exception 'the id "%" is taken', new.id using errcode = 'unique_violation';
    end if;
    return null;
end
$usagekit$;

-- Here, so that no transaction that records inserts it, and others wait for that one.
insert into {ids_partitions} default values on conflict do nothing;

-- Whether the ids of all partitions are entered, and of no others. A partition that was attached after that may have other rows, also if it was
-- one before. Never where the rows of one time are in several partitions, e.g. one for each project: those may share an id at one time, and an entry
-- says no more of its row than the time.
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
                where t.partrelid = {rows.literal}::regclass
                    and (t.partnatts > 1 or a.attname is distinct from 'created_at')
            )
        from (
            select
                coalesce(array_agg(i.inhrelid order by i.inhrelid), '{}') as partitions,
                coalesce(array_agg(i.xmin order by i.inhrelid), '{}') as attached_by
            from pg_inherits i
            where i.inhparent = {rows.literal}::regclass
        ) present
        left join {ids_partitions} entered on true
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
        where i.inhparent = {rows.literal}::regclass
            and c.relkind = 'r'
            and has_table_privilege(c.oid, 'select')
            and has_any_column_privilege(c.oid, 'update')
            and not exists (
                select
                from {ids_partitions} e, unnest(e.partitions, e.attached_by) as k (id, attached_by)
                where k.id = i.inhrelid and k.attached_by = i.xmin
            )
        order by i.inhrelid;
end
$usagekit$;

-- Enters the ids of the next rows of a partition, at most so many, behind an id or from the first one on. The rows are locked: a deletion of one of them
-- waits, and then sees its entry, or this waits for the deletion. An entry of another row of the table stays, and isn't locked, unless that row is
-- missing, e.g. since it was changed while its partition was detached. One of the same row is set to what the row has; that is locked against any
-- change, since the trigger of another transaction may have set the entry. Returns the last id, or null where there are no more. Reads no other table
-- than a partition of the table: the function runs with the rights of its owner.
create or replace function {enter_ids_of}(given oid, after text, most bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $usagekit$
declare
    others text[];
    last text;
begin
    perform from pg_inherits i where i.inhrelid = given and i.inhparent = {rows.literal}::regclass;
    if not found then
        return null;
    end if;
    execute format(
        $query$
            select array_agg(i.id)
            from (
                select r.id, r.created_at
                from %1$s r
                where $2 is null or r.id > $2
                order by r.id, r.created_at
                limit $3
            ) n
            join %2$s i on i.id = n.id
            where i.created_at <> n.created_at and pg_partition_root(i.partition) = $1
        $query$,
        given::regclass,
        {ids.literal}
    )
    into others
    using {rows.literal}::regclass, after, most;
    if others is not null then
        perform
        from {ids} i
        where i.id = any (others)
            and not exists (select from {rows} r where r.id = i.id and r.created_at = i.created_at offset 0)
        order by i.id collate "C"
        for update;
        -- Looks again, since another transaction may have inserted the row that was missing.
        delete from {ids} i
        where i.id = any (others)
            and not exists (select from {rows} r where r.id = i.id and r.created_at = i.created_at offset 0);
    end if;
    execute format(
        $query$
            with next (id, created_at, partition{key.columns}) as materialized (
                select r.id, r.created_at, r.tableoid{key.of-row}
                from %1$s r
                where $2 is null or r.id > $2
                order by r.id, r.created_at
                limit $3
                for key share
            ),

            entered as (
                insert into %2$s as i (id, created_at, partition{key.columns})
                select distinct on (n.id) n.*
                from next n
                where not exists (
                    select from %2$s k where k.id = n.id and pg_partition_root(k.partition) is not distinct from $1
                )
                order by n.id
                on conflict (id) do update
                set (created_at, partition{key.columns}) = row(excluded.created_at, excluded.partition{key.of-excluded})
                where pg_partition_root(i.partition) is distinct from $1
            )

            select max(n.id) from next n
        $query$,
        given::regclass,
        {ids.literal}
    )
    into last
    using {rows.literal}::regclass, after, most;
    execute format(
        $query$
            with wrong (id, created_at, partition{key.columns}) as materialized (
                select r.id, r.created_at, r.tableoid{key.of-row}
                from %1$s r
                join %2$s i on i.id = r.id and i.created_at = r.created_at
                where ($1 is null or r.id > $1)
                    and r.id <= $2
                    and row(i.partition{key.of-entry}) is distinct from row(r.tableoid{key.of-row})
                order by r.id
                for share of r
            )

            update %2$s i
            set (partition{key.columns}) = row(w.partition{key.of-wrong})
            from wrong w
            where i.id = w.id and i.created_at = w.created_at
        $query$,
        given::regclass,
        {ids.literal}
    )
    using after, last;
    return last;
end
$usagekit$;

-- Lists partitions whose ids are entered: the given one; or, where none is given, those that have at most 1,000 rows, whose ids it enters itself, unless
-- many partitions are left or another session lists some. A partition isn't listed if it has an id that another row has as well. Those that aren't
-- listed are remembered, and those that were detached or dropped, until their entries are deleted. Only for a role that may insert into the table.
create or replace function {enter_ids}(given oid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $usagekit$
declare
    role name := coalesce(nullif(current_setting('role'), 'none'), session_user);
    known {ids_partitions};
    leaf record;
    is_entered boolean;
    is_small boolean;
    entered oid[] := '{}';
    entered_by xid[] := '{}';
    taken constant text := 'from %s r join %s i on i.id = r.id'
        || ' where i.created_at <> r.created_at and pg_partition_root(i.partition) = $1';
    present oid[];
    others oid[];
    detached oid[];
    unentered oid[] := array(select {unentered_partitions}());
begin
    if not has_any_column_privilege(role, {rows.literal}::regclass, 'insert') then
        raise exception 'permission denied to enter ids of %', {rows.literal} using errcode = 'insufficient_privilege';
    end if;
    if given is null then
        select * into known from {ids_partitions} for update skip locked;
    else
        select * into known from {ids_partitions} for update;
    end if;
    if not found then
        return;
    end if;
    for leaf in
        select i.inhrelid as id, i.xmin as attached_by, k.id is not null as is_entered
        from pg_inherits i
        left join unnest(known.partitions, known.attached_by) as k (id, attached_by)
            on k.id = i.inhrelid and k.attached_by = i.xmin
        where i.inhparent = {rows.literal}::regclass
        order by i.inhrelid
    loop
        is_entered := leaf.is_entered;
        if not is_entered and leaf.id = any (unentered) and (leaf.id = given or cardinality(unentered) <= 32) then
            is_small := false;
            if given is null then
                execute format('select count(*) <= 1000 from (select from %s limit 1001) r', leaf.id::regclass)
                into is_small;
            end if;
            if is_small or leaf.id = given then
                execute format('select not exists (select ' || taken || ')', leaf.id::regclass, {ids.literal})
                into is_entered
                using {rows.literal}::regclass;
                if not is_entered then
                    execute format(
                        'select not exists (select ' || taken
                            || ' and exists (select from %s o where o.id = i.id and o.created_at = i.created_at offset 0))',
                        leaf.id::regclass,
                        {ids.literal},
                        {rows.literal}
                    )
                    into is_entered
                    using {rows.literal}::regclass;
                end if;
            end if;
            if is_entered and is_small then
                perform {enter_ids_of}(leaf.id, null, 1001);
            end if;
            if is_entered then
                execute format(
                    $query$
                        select not exists (
                            select
                            from %s r
                            left join %s i on i.id = r.id and i.created_at = r.created_at
                            where row(i.id{key.of-entry}) is distinct from row(r.id{key.of-row})
                        )
                    $query$,
                    leaf.id::regclass,
                    {ids.literal}
                )
                into is_entered;
            end if;
        end if;
        if is_entered then
            entered := entered || leaf.id;
            entered_by := entered_by || leaf.attached_by;
        end if;
    end loop;
    present := array(
        with recursive tree (id) as (
            select i.inhrelid
            from pg_inherits i
            where i.inhparent = {rows.literal}::regclass
            union all
            select i.inhrelid
            from tree t
            join pg_inherits i on i.inhparent = t.id
        )

        select t.id
        from tree t
    );
    others := array(select p from unnest(present) p where p <> all (entered) order by p);
    detached := array(
        select unnest(known.gone)
        union
        select k.id
        from unnest(known.partitions, known.attached_by) as k (id, attached_by)
        where not exists (
            select
            from pg_inherits i
            where i.inhparent = {rows.literal}::regclass and i.inhrelid = k.id and i.xmin = k.attached_by
        )
        union
        select p from unnest(known.unlisted) p where p <> all (present)
        order by 1
    );
    update {ids_partitions} e
    set partitions = entered, attached_by = entered_by, unlisted = others, gone = detached
    where (e.partitions, e.attached_by, e.unlisted, e.gone) is distinct from (entered, entered_by, others, detached);
end
$usagekit$;

-- Deletes entries of partitions that are missing, and those of rows that were deleted while their partition was detached, at most so many; returns how
-- many, none where none are left but those that another transaction has locked, which may take them over: a later call deletes these.
create or replace function {delete_old_ids}(most bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp set row_security = off as $usagekit$
declare
    detached oid[];
    old text[];
    deleted bigint;
begin
    select e.gone
    into detached
    from {ids_partitions} e
    where e.gone <> '{}'
        or exists (
            select
            from unnest(e.partitions || e.unlisted) p
            where pg_partition_root(p) is distinct from {rows.literal}::regclass
        )
        or (pg_partition_root({rows.literal}::regclass) is null and exists (select from {ids}))
    for update;
    if not found then
        return 0;
    end if;
    old := array(
        select i.id
        from {ids} i
        where pg_partition_root(i.partition) is distinct from {rows.literal}::regclass
            or (
                i.partition = any (detached)
                and not exists (select from {rows} r where r.id = i.id and r.created_at = i.created_at offset 0)
            )
        limit most
    );
    if old = '{}' then
        update {ids_partitions} e
        set
            gone = '{}',
            unlisted = array(select p from unnest(e.unlisted) p where pg_partition_root(p) = {rows.literal}::regclass order by p);
        return 0;
    end if;
    old := array(select i.id from {ids} i where i.id = any (old) for update skip locked);
    -- Looks again: another transaction may have taken an entry over, or inserted a row that was missing.
    delete from {ids} i
    where i.id = any (old)
        and (
            pg_partition_root(i.partition) is distinct from {rows.literal}::regclass
            or not exists (select from {rows} r where r.id = i.id and r.created_at = i.created_at offset 0)
        );
    get diagnostics deleted = row_count;
    return deleted;
end
$usagekit$;

revoke execute on function
    {enter_id}(),
    {delete_id}(),
    {retain_ids}(),
    {refuse_retained_id}(),
    {unentered_partitions}(),
    {enter_ids_of}(oid, text, bigint),
    {delete_old_ids}(bigint)
from public;

grant execute on function {are_ids_entered}(), {enter_ids}(oid) to public;

-- Triggers of a previous version didn't follow all that an entry has: they are replaced, and all partitions are entered again.
do $usagekit$
begin
    if not exists (
        select
        from pg_catalog.pg_trigger g
        where g.tgrelid = {rows.literal}::regclass
            and g.tgname = 'usagekit_change_id'
            and pg_catalog.pg_get_triggerdef(g.oid) like all (array[{key.patterns}]::text[])
    ) then
        drop trigger if exists usagekit_enter_id on {rows};
        drop trigger if exists usagekit_change_id on {rows};
        drop trigger if exists usagekit_delete_id on {rows};
        drop trigger if exists usagekit_truncate_ids on {rows};
        update {ids_partitions} set partitions = '{}', attached_by = '{}';
        create trigger usagekit_enter_id
            after insert on {rows} for each row
            when (pg_catalog.pg_partition_root(new.tableoid) is not null)
            execute function {enter_id}();
        create trigger usagekit_change_id
            after update on {rows} for each row
            when (
                (old.id, old.created_at{key.of-old}) is distinct from (new.id, new.created_at{key.of-new})
                and pg_catalog.pg_partition_root(new.tableoid) is not null
            )
            execute function {enter_id}();
        create trigger usagekit_delete_id
            after delete on {rows} for each row
            when (pg_catalog.pg_partition_root(old.tableoid) is not null)
            execute function {delete_id}();
        create trigger usagekit_truncate_ids
            after truncate on {rows} for each statement
            execute function {delete_id}();
        -- Also for rows that replication applies.
        alter table {rows} enable always trigger usagekit_enter_id;
        alter table {rows} enable always trigger usagekit_change_id;
        alter table {rows} enable always trigger usagekit_delete_id;
        alter table {rows} enable always trigger usagekit_truncate_ids;
    end if;
end
$usagekit$;
