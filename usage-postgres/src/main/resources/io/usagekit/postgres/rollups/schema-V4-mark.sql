if {project_id} is not null and pg_catalog.isfinite({created_at}) then
    if (pg_catalog.current_setting('usagekit.late', true) operator(pg_catalog.=) '1') is not true then
        insert into {rollups}.mark (project_id, bucket)
        select {project_id}, pg_catalog.date_trunc('hour', {created_at}, 'UTC')
        where pg_catalog.set_config('usagekit.late', '1', true) is not null;
    elsif (pg_catalog.current_setting({setting}, true) operator(pg_catalog.=) {value}) is not true then
        insert into {rollups}.mark (project_id, bucket)
        select {project_id}, pg_catalog.date_trunc('hour', {created_at}, 'UTC')
        where pg_catalog.set_config({setting}, {value}, true) is not null;
    end if;
end if;
