-- Until the last of them is gone, those fail that waited to write to the table with an older snapshot than the rebuilt table has.
create trigger {trigger.snapshot}
    before insert or update or delete on {table} for each statement
    execute function {partitions}.check_snapshot({swapped_at});
alter table {table} enable always trigger {trigger.snapshot};
