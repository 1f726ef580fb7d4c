-- Retention of the ids of a table, of events or of deliveries: what retention deletes leaves its ids, and no row is inserted with one of them until its
-- time is over. Functions run as their owner: a role that may insert or delete a row needs no further privilege.

-- Retains the ids of the rows that a statement of retention has deleted, and deletes up to twice as many, and 1,000, whose time is over. Of rows in
-- several partitions that share an id, one with a key goes first.
create or replace function {retain_ids}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    retained bigint;
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

revoke execute on function {retain_ids}(), {refuse_retained_id}() from public;

-- For a given duration; with zero nothing is retained any more.
do $usagekit$
begin
    drop trigger if exists usagekit_retain_ids on {rows};
    drop trigger if exists usagekit_refuse_retained_id on {rows};
    if {retained.for}::interval > interval '0' then
        create trigger usagekit_retain_ids
            after delete on {rows} referencing old table as deleted for each statement
            when (pg_catalog.current_setting('usagekit.retention', true) = 'on')
            execute function {retain_ids}({retained.for});
        create trigger usagekit_refuse_retained_id
            after insert on {rows} for each row
            execute function {refuse_retained_id}();
    else
        truncate {retained_ids};
    end if;
end
$usagekit$;
