begin
    -- The schema's name is that of today.
    execute (
        select pg_catalog.format(
            'insert into %I.reset_request (transaction, started_at, reason)'
                ' values (pg_catalog.pg_current_xact_id(), pg_catalog.now(), $1) on conflict do nothing',
            n.nspname
        )
        from pg_catalog.pg_trigger t
        join pg_catalog.pg_proc f on f.oid operator(pg_catalog.=) t.tgfoid
        join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) f.pronamespace
        where t.tgrelid operator(pg_catalog.=) tg_relid and t.tgname operator(pg_catalog.=) tg_name
    ) using pg_catalog.format('%s of %s: %s (%s)', tg_op, tg_relid::pg_catalog.regclass, sqlerrm, sqlstate);
exception when undefined_table then
    null; -- without this table no rolled hour is read
end;
