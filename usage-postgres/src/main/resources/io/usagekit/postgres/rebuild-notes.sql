-- From here on each change of a row leaves a note of its key. Creating a trigger waits for the transactions that have written to
-- the table and lets no other begin: each that writes later leaves notes, and each that wrote before is over before the first row
-- is copied.
create table {notes} (
    number bigint generated always as identity primary key,
    key {key.type} not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

create function {note}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if tg_op <> 'INSERT' then
        insert into {notes} (key) values (old.{key});
    end if;
    if tg_op = 'INSERT' or (tg_op = 'UPDATE' and new.{key}::text is distinct from old.{key}::text) then
        insert into {notes} (key) values (new.{key});
    end if;
    return null;
end
$usagekit$;
revoke execute on function {note}() from public;

create trigger {trigger.note}
    after insert or update or delete on {table} for each row
    execute function {note}();
alter table {table} enable always trigger {trigger.note};
