-- The library's own tables, for hosts without any. Ids are opaque text; times are instants.

create table if not exists {projects} (
    id text primary key,
    organisation_id text not null,
    name text not null default '',
    created_at timestamptz not null default now(),
    deleted_at timestamptz -- null: live
);

create index if not exists projects_organisation_id_idx on {projects} (organisation_id);

-- The events that were received. The payload stands in raw (text), in data (bytes), or in both; its size is that of both together.
create table if not exists {events} (
    id text primary key,
    project_id text not null references {projects} (id),
    event_type text not null default '',
    raw text not null default '',
    data bytea not null default '',
    payload_bytes bigint not null generated always as (octet_length(raw)::bigint + octet_length(data)) stored,
    created_at timestamptz not null default now(),
    deleted_at timestamptz -- null: live
);

-- The deliveries that were sent: one row for each event and endpoint. Those with status Success were delivered.
create table if not exists {deliveries} (
    id text primary key,
    project_id text not null references {projects} (id),
    event_id text not null references {events} (id),
    status text not null,
    created_at timestamptz not null default now()
);

create index if not exists event_deliveries_event_id_idx on {deliveries} (event_id);
