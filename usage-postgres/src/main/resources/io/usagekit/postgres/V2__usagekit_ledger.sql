-- The columns and tables that the event ledger adds to the library's own tables. Columns with constant defaults rewrite no table; rows
-- that a host inserts without these columns are events without these values.

alter table {events} add column if not exists source_id text not null default ''; -- empty: no source
alter table {events} add column if not exists idempotency_key text not null default ''; -- empty: no key
alter table {events} add column if not exists is_duplicate boolean not null default false; -- of a live one with the same key
alter table {events} add column if not exists status text not null default '';
alter table {events} add column if not exists headers jsonb not null default '{}'; -- by name in lower case: a text, or an array of several
alter table {events} add column if not exists acknowledged_at timestamptz; -- null: not known
alter table {events} add column if not exists updated_at timestamptz; -- null: the ledger hasn't changed it since it was recorded
alter table {events} add column if not exists url_path text not null default '';
alter table {events} add column if not exists url_query_params text not null default '';
alter table {events} add column if not exists metadata text not null default ''; -- in the host's own format

alter table {deliveries} add column if not exists endpoint_id text not null default ''; -- empty: no endpoint
alter table {deliveries} add column if not exists failure_reason text not null default ''; -- empty: none
alter table {deliveries} add column if not exists metadata text not null default ''; -- in the host's own format
alter table {deliveries} add column if not exists updated_at timestamptz; -- as that of events

-- The endpoints to which events are delivered, and their owners.
create table if not exists {endpoints} (
    id text primary key,
    project_id text not null references {projects} (id),
    owner_id text not null default '',
    name text not null default ''
);

create index if not exists endpoints_project_id_owner_id_idx on {endpoints} (project_id, owner_id);

-- The sources of events.
create table if not exists {sources} (
    id text primary key,
    project_id text not null references {projects} (id),
    name text not null default '',
    type text not null default ''
);

-- The endpoints to which each event is to be delivered; deleted with the event.
create table if not exists {events_endpoints} (
    event_id text not null references {events} (id) on delete cascade,
    endpoint_id text not null,
    primary key (event_id, endpoint_id)
);

-- The project and time of the event, by which pages of endpoints come in order from an index. A trigger sets them where a row is inserted
-- without them, and keeps them as the event's; rows of previous versions have them after PostgresLedger.install().
alter table {events_endpoints} add column if not exists project_id text;
alter table {events_endpoints} add column if not exists created_at timestamptz;

-- The search index: the words of events, made and deleted by window. A trigger deletes them where the event is deleted
-- or its payload changed.
create table if not exists {events_search} (
    event_id text primary key,
    project_id text not null,
    event_created_at timestamptz not null,
    words tsvector not null
);

create index if not exists events_search_window_idx on {events_search} (project_id, event_created_at);

-- The ids of events in partitions, whose unique keys are of id and time: triggers enter and remove them. Empty where events aren't partitioned.
-- An entry has the project and idempotency key of its event while that is live and no duplicate, and nulls otherwise.
create table if not exists {events_ids} (
    id text primary key,
    created_at timestamptz not null,
    partition oid not null
);

alter table {events_ids} add column if not exists project_id text;
alter table {events_ids} add column if not exists idempotency_key text;

create index if not exists events_ids_key_idx on {events_ids} (project_id, idempotency_key) where idempotency_key is not null;

-- The partitions of events whose ids are all entered, in one row, each with the transaction that attached it; and those that have been detached or dropped
-- since, whose entries may be left.
create table if not exists {events_ids_partitions} (
    is_row boolean primary key default true check (is_row),
    partitions oid[] not null default '{}',
    attached_by xid[] not null default '{}',
    gone oid[] not null default '{}'
);

-- The other partitions, at any level, of which some ids may be entered.
alter table {events_ids_partitions} add column if not exists unlisted oid[] not null default '{}';

-- The same of deliveries.
create table if not exists {deliveries_ids} (
    id text primary key,
    created_at timestamptz not null,
    partition oid not null
);

create table if not exists {deliveries_ids_partitions} (
    is_row boolean primary key default true check (is_row),
    partitions oid[] not null default '{}',
    attached_by xid[] not null default '{}',
    gone oid[] not null default '{}'
);

alter table {deliveries_ids_partitions} add column if not exists unlisted oid[] not null default '{}';

-- The ids of events and deliveries that retention has deleted, for as long as PostgresLedger.Builder.retainIds says; of an event that was live and no
-- duplicate also a digest of its idempotency key. Empty where they aren't retained.
create table if not exists {retained_ids} (
    role text not null check (role in ('events', 'deliveries')),
    id text not null,
    project_id text not null,
    key_digest bytea, -- SHA-256 of the key in UTF-8
    retained_until timestamptz not null,
    primary key (role, id)
);

create index if not exists retained_ids_key_idx on {retained_ids} (project_id, key_digest) where key_digest is not null;
create index if not exists retained_ids_until_idx on {retained_ids} (retained_until);
