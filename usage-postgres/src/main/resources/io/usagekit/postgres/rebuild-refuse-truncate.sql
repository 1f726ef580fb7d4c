-- On the table, and on each of its partitions: when one is emptied by its own name, the trigger of the whole isn't fired.
create trigger {trigger.truncate}
    before truncate on {relation} for each statement
    execute function {partitions}.refuse_truncate({name});
alter table {relation} enable always trigger {trigger.truncate};
