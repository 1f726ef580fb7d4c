-- The trigger that replaces a foreign key to partitioned events looks an event up in all partitions. Those of endpoints and of deliveries look for its
-- entered id first, and keep that from being removed: a deletion of the event waits for the new row, and then sees it, or this waits for the deletion. An
-- entry of a partition that was dropped or detached doesn't count. A function of another owner stays as it is.
do $do$
declare
    definition text;
begin
    for definition in
        select
            regexp_replace(
                pg_catalog.pg_get_functiondef(f.oid),
                '(perform from [^;]* new\.([^; ]+) for key share;)',
                $usagekit$perform from {events_ids} i
        where i.id = new.\2 and pg_partition_root(i.partition) = {events.literal}::regclass
        for key share;
    if not found then
        \1
    end if;$usagekit$
            )
        from pg_catalog.pg_proc f
        where f.oid in (
                select g.tgfoid
                from pg_catalog.pg_trigger g
                where g.tgrelid in ({events_endpoints.literal}::regclass, {deliveries.literal}::regclass)
                    and g.tgname like 'usagekit\_references\_%'
            )
            and f.prosrc !~ 'pg_partition_root'
            and pg_catalog.pg_has_role(f.proowner, 'usage')
    loop
        execute definition;
    end loop;
end
$do$;
