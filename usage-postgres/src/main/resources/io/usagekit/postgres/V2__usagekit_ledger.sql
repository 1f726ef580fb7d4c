-- What the event ledger adds to the library's own tables. Columns with constant defaults rewrite no table; new rows of hosts
-- that know nothing of them are events without any of this.

alter table {events} add column if not exists source_id text not null default ''; -- empty: none in particular
alter table {events} add column if not exists idempotency_key text not null default ''; -- empty: none
alter table {events} add column if not exists is_duplicate boolean not null default false; -- of a live one with the same key
alter table {events} add column if not exists status text not null default '';
alter table {events} add column if not exists headers jsonb not null default '{}'; -- one text for each name in lower case

alter table {deliveries} add column if not exists endpoint_id text not null default ''; -- empty: none in particular

-- Where events are delivered to, and whose that is.
create table if not exists {endpoints} (
    id text primary key,
    project_id text not null references {projects} (id),
    owner_id text not null default '',
    name text not null default ''
);

create index if not exists endpoints_project_id_owner_id_idx on {endpoints} (project_id, owner_id);

-- Where events come from.
create table if not exists {sources} (
    id text primary key,
    project_id text not null references {projects} (id),
    name text not null default '',
    type text not null default ''
);

-- Where each event is to be delivered; goes with the event.
create table if not exists {events_endpoints} (
    event_id text not null references {events} (id) on delete cascade,
    endpoint_id text not null,
    primary key (event_id, endpoint_id)
);

-- The event isn't a part of the key: with many endpoints in a filter PostgreSQL would look each event up once for each of them,
-- rather than once by the primary key.
create index if not exists events_endpoints_endpoint_id_idx on {events_endpoints} (endpoint_id) include (event_id);

-- The words of events, to search in. A copy, made and thrown away by window: a row whose event is gone is never found.
create table if not exists {events_search} (
    event_id text primary key,
    project_id text not null,
    event_created_at timestamptz not null,
    words tsvector not null
);

create index if not exists events_search_window_idx on {events_search} (project_id, event_created_at);
create index if not exists events_search_words_idx on {events_search} using gin (words);
