-- For one partition: a TRUNCATE of the partition itself doesn't fire the trigger of the partitioned table.
create trigger {trigger.truncate}
    after truncate on {partition} for each statement
    execute function {rollups}.table_truncated();
alter table {partition} enable always trigger {trigger.truncate};
