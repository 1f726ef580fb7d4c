-- Foreign keys of a rewritten table and those that refer to it. Tables in :table and :referencing are qualified and quoted.

-- name: list-foreign-keys
-- The foreign keys of a table, of a partitioned one those of the parent.
--
-- Parameters: :table.
-- Returns: name; definition, without NOT VALID; validated.
select
    conname as name,
    regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') as definition,
    convalidated as validated
from pg_catalog.pg_constraint
where conrelid = to_regclass(:table) and contype = 'f' and conparentid = 0
order by oid

-- name: list-references
-- The foreign keys that refer to a table.
--
-- Parameters: :table.
-- Returns: schema and referencing, the table that refers; name; definition, without NOT VALID; validated; column and key, quoted;
-- key_equals_column, key_equals_key and column_equals_column, the operators that compare them, as OPERATOR() has them; on_delete
-- and on_update as in pg_constraint; timing, as it follows CREATE CONSTRAINT TRIGGER.
select
    n.nspname as schema,
    t.relname as referencing,
    c.conname as name,
    regexp_replace(pg_get_constraintdef(c.oid), ' NOT VALID$', '') as definition,
    c.convalidated as validated,
    quote_ident(a.attname) as "column",
    quote_ident(k.attname) as key,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conpfeqop[1]
    ) as key_equals_column,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conppeqop[1]
    ) as key_equals_key,
    (
        select format('operator(%I.%s)', s.nspname, o.oprname)
        from pg_catalog.pg_operator o join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
        where o.oid = c.conffeqop[1]
    ) as column_equals_column,
    c.confdeltype as on_delete,
    c.confupdtype as on_update,
    case
        when c.condeferred then 'deferrable initially deferred'
        when c.condeferrable then 'deferrable'
        else 'not deferrable'
    end as timing
from pg_catalog.pg_constraint c
join pg_catalog.pg_class t on t.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
join pg_catalog.pg_attribute k on k.attrelid = c.confrelid and k.attnum = c.confkey[1]
where c.confrelid = to_regclass(:table) and c.contype = 'f' and c.conparentid = 0
order by c.oid

-- name: find-referenced-table
-- The table that a foreign key refers to.
--
-- Parameters: :referencing; :constraint, the foreign key's name.
-- Returns: name, quoted.
select format('%I.%I', n.nspname, t.relname) as name
from pg_catalog.pg_constraint c
join pg_catalog.pg_class t on t.oid = c.confrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
where c.contype = 'f' and c.conrelid = to_regclass(:referencing) and c.conname = :constraint

-- name: insert-replaced-foreign-key
-- Records that triggers replace a foreign key.
--
-- Parameters: :role, of the table that it refers to; :schema and :referencing, the table that refers; :name; :definition;
-- :validated; :functions, the suffix of their names.
insert into {partitions}.foreign_key (role, schema, referencing, name, definition, validated, functions)
values (:role, :schema, :referencing, :name, :definition, :validated::boolean, :functions)

-- name: delete-replaced-foreign-keys
-- Deletes the records of the foreign keys that triggers replace.
--
-- Parameters: :role, of the table that they refer to.
-- Returns: schema, referencing, name, definition, validated, functions.
delete from {partitions}.foreign_key where role = :role
returning schema, referencing, name, definition, validated, functions

-- name: create-triggers
-- Script: the triggers that replace a foreign key to a partitioned table, which can't have a key without the partitions' time.
-- {references} and {referenced} are their functions, {referencing} the table that refers, {column} its column; operators and
-- actions as list-references has them.
-- On the table that refers. Locks the event, as a foreign key does: a transaction that deletes it waits, and then finds the row that
-- refers to it. A row that is deleted by the time of a deferred check refers to nothing.
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

-- On the table that is referred to. A row that moves to another partition is deleted and inserted: its key still exists.
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

-- name: insert-unvalidated-foreign-key
-- Records a foreign key that was created without validating its rows.
--
-- Parameters: :role, of the table that was rewritten; :schema and :referencing, the table that refers; :name; :definition.
insert into {partitions}.to_validate (role, schema, referencing, name, definition)
values (:role, :schema, :referencing, :name, :definition)

-- name: list-unvalidated-foreign-keys
-- The foreign keys whose rows are still to be validated.
--
-- Parameters: :role, of the table that was rewritten.
-- Returns: schema, referencing, name, definition.
select schema, referencing, name, definition
from {partitions}.to_validate
where role = :role
order by schema, referencing, name

-- name: delete-unvalidated-foreign-key
-- Records that a foreign key is validated.
--
-- Parameters: :schema, :referencing, :name.
delete from {partitions}.to_validate where schema = :schema and referencing = :referencing and name = :name
