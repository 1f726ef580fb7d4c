-- For a partition: when it is emptied by its own name, the trigger of the whole table isn't fired.
create trigger {trigger.truncate}
    after truncate on {partition} for each statement
    execute function {rollups}.table_truncated();
alter table {partition} enable always trigger {trigger.truncate};
