-- The triggers on the host's tables.

-- Guards of insertions, and of deletions of deliveries, stand in WHEN, so that a write of many recent rows calls no function for each.
-- PostgreSQL reads them from their text for each statement and computes the watermark then, so that a row costs one comparison. Most updates
-- are of one row, for which a function's compiled guard takes less time than that text; and the deletion of an event is recorded whenever it was.

create trigger {trigger.insert}
    after insert on {events} for each row
    when (new.{event.created_at}{event.at_utc} operator(pg_catalog.<) {rollups}.watermark())
    execute function {rollups}.event_inserted();

create trigger {trigger.delete}
    after delete on {events} for each row
    execute function {rollups}.event_deleted();

create trigger {trigger.update}
    after update on {events} for each row
    execute function {rollups}.event_updated();

create trigger {trigger.truncate}
    after truncate on {events} for each statement
    execute function {rollups}.table_truncated();

create trigger {trigger.insert}
    after insert on {deliveries} for each row
    when (new.{delivery.created_at}{delivery.at_utc} operator(pg_catalog.<) {rollups}.watermark())
    execute function {rollups}.delivery_changed();

create trigger {trigger.delete}
    after delete on {deliveries} for each row
    when (old.{delivery.created_at}{delivery.at_utc} operator(pg_catalog.<) {rollups}.watermark())
    execute function {rollups}.delivery_changed();

create trigger {trigger.update}
    after update on {deliveries} for each row
    execute function {rollups}.delivery_updated();

create trigger {trigger.truncate}
    after truncate on {deliveries} for each statement
    execute function {rollups}.table_truncated();

-- The triggers also fire for changes that replication applies and in sessions with session_replication_role = replica.
alter table {events} enable always trigger {trigger.insert};
alter table {events} enable always trigger {trigger.delete};
alter table {events} enable always trigger {trigger.update};
alter table {events} enable always trigger {trigger.truncate};
alter table {deliveries} enable always trigger {trigger.insert};
alter table {deliveries} enable always trigger {trigger.delete};
alter table {deliveries} enable always trigger {trigger.update};
alter table {deliveries} enable always trigger {trigger.truncate};

-- Records the triggers, the columns that they read, and the partitions.
insert into {rollups}.partition (role, relation, attached, filenode, expressions, times)
select role, relation, attached, case when not is_guarded then filenode end, expressions, times
from {rollups}.partition_now;
update {rollups}.host_table h
set parents = {rollups}.parents(h.relation), functions = {functions};
update {rollups}.host_table h
set
    catalog_rows = n.catalog_rows,
    definition = {rollups}.describe(h.relation, h.columns),
    partitions_digest = n.partitions_digest,
    relation_oid = h.relation::oid,
    retained_oid = h.relation::oid
from {rollups}.host_table_now n
where n.role = h.role;
update {rollups}.state set own_tables = {own_tables}, place = {rollups}.place();
