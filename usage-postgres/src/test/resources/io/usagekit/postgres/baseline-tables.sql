-- The gateway's tables with the indexes that exist there, and rows: {events} events of 90 days, of {organisations} organisations whose
-- shares fall as those of Zipf's law do, and two deliveries of each; one payload in eight is stored out of line. {s} is the schema,
-- {event_time} when the n-th event was created, {delay} how late deliveries are at the most.
create schema {s};

create table {s}.projects (
    id varchar primary key,
    organisation_id varchar not null,
    deleted_at timestamptz
);

create table {s}.events (
    id varchar primary key,
    project_id varchar not null,
    raw text not null,
    data bytea not null,
    created_at timestamptz not null,
    deleted_at timestamptz
);

create table {s}.event_deliveries (
    id varchar primary key,
    project_id varchar not null,
    event_id varchar not null,
    status text not null,
    created_at timestamptz not null,
    deleted_at timestamptz
);

alter table {s}.events alter raw set storage external, alter data set storage external;

insert into {s}.projects
select 'project-' || n, 'org-' || n, null from generate_series(1, {organisations}) n;

insert into {s}.events
select
    'event-' || n,
    'project-' || greatest(1, least({organisations}, floor(exp(random() * ln({organisations} + 1)))))::int,
    repeat('é', case when n % 8 = 0 then 1500 else 60 end),
    decode(repeat('00ff', case when n % 8 = 4 then 1500 else 60 end), 'hex'),
    {event_time},
    case when n % 50 = 0 then now() end
from generate_series(1, {events}) n;

insert into {s}.event_deliveries
select
    e.id || '-' || k,
    e.project_id,
    e.id,
    case when random() < 0.9 then 'Success' else 'Failure' end,
    e.created_at + random() * random() * interval '{delay}',
    null
from {s}.events e, generate_series(1, 2) k;

create index on {s}.events (project_id, created_at) where deleted_at is null;
create index on {s}.events (project_id);
create index on {s}.event_deliveries (project_id, created_at) where deleted_at is null;
create index on {s}.event_deliveries (event_id);
create index on {s}.event_deliveries (status);

vacuum (analyze) {s}.projects, {s}.events, {s}.event_deliveries;
