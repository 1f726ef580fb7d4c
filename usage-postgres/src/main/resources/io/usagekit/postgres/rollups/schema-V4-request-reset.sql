begin
    -- The schema's name is that of today.
    execute (
        select format(
            'insert into %I.reset_request (transaction, started_at, reason) values (pg_current_xact_id(), now(), $1)'
                ' on conflict do nothing',
            n.nspname
        )
        from pg_catalog.pg_trigger t
        join pg_catalog.pg_proc f on f.oid = t.tgfoid
        join pg_catalog.pg_namespace n on n.oid = f.pronamespace
        where t.tgrelid = tg_relid and t.tgname = tg_name
    ) using format('%s of %s: %s (%s)', tg_op, tg_relid::regclass, sqlerrm, sqlstate);
exception when undefined_table then
    null; -- without this table no rolled hour is read
end;
