-- The triggers by which retention retains the ids of a table, of events or of deliveries, for a duration, and no row is inserted with one of them until its time
-- is over. With zero nothing is retained any more.
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
