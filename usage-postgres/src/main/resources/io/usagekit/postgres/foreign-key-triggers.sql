-- Stands in for a foreign key to a partitioned table, which can't have a key without the partitions' time.

-- On the table that refers. Locks the event, as a foreign key does: whoever deletes it waits, and finds the row that refers to it. A
-- row that is gone by the time of a deferred check refers to nothing.
create function {references}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
begin
    if new.{column} is null then
        return null;
    end if;
    perform from {table} e where e.{key} {key_equals_column} new.{column} for key share;
    if not found and exists (select from {referencing} r where r.{column} {column_equals_column} new.{column}) then
        raise exception
            'insert or update on table "%" violates foreign key constraint "%"', {referencing.name}, {constraint.name}
            using
                errcode = 'foreign_key_violation',
                detail = format('Key (%s)=(%s) is not present in table "%s".', {column.name}, new.{column}, {table.name}),
                schema = {referencing.schema},
                table = {referencing.name},
                constraint = {constraint.name};
    end if;
    return null;
end
$usagekit$;

-- On the table that is referred to. A row that moves to another partition is deleted and inserted: it is still there.
create function {referenced}() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $usagekit$
declare
    violated boolean := false;
begin
    if tg_op = 'TRUNCATE' then
        violated := exists (select from {referencing} r where r.{column} is not null);
    elsif exists (select from {table} e where e.{key} {key_equals_key} old.{key}) then
        return null;
    elsif tg_op = 'DELETE' then
        {on_delete}
    else
        {on_update}
    end if;
    if violated then
        raise exception
            'update or delete on table "%" violates foreign key constraint "%" on table "%"',
            {table.name}, {constraint.name}, {referencing.name}
            using
                errcode = 'foreign_key_violation',
                schema = {referencing.schema},
                table = {referencing.name},
                constraint = {constraint.name};
    end if;
    return null;
end
$usagekit$;

revoke execute on function {references}(), {referenced}() from public;

create constraint trigger {trigger.references}
    after insert or update of {column} on {referencing} {timing} for each row
    execute function {references}();

create constraint trigger {trigger.referenced}
    after delete or update of {key} on {table} {timing.referenced} for each row
    execute function {referenced}();

create trigger {trigger.truncated}
    after truncate on {table} for each statement
    execute function {referenced}();
