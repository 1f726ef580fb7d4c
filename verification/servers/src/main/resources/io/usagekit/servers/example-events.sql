-- Events of two organisations in the sixty days before now, and a delivery of each, in the library's own tables of the schema usagekit.
-- The same ones with each run, but for their times.

insert into usagekit.projects (id, organisation_id, name, created_at) values
    ('org-01-checkout', 'org-01', 'Checkout', now() - interval '90 days'),
    ('org-01-notifications', 'org-01', 'Notifications', now() - interval '90 days'),
    ('org-01-3', 'org-01', '', now() - interval '90 days'),
    ('org-02-orders', 'org-02', 'Orders', now() - interval '90 days');

select setseed(0.26);

insert into usagekit.events (id, project_id, event_type, raw, created_at)
select 'event-' || n,
       case when pick < 0.5 then 'org-01-checkout'
            when pick < 0.7 then 'org-01-notifications'
            when pick < 0.8 then 'org-01-3'
            else 'org-02-orders' end,
       'order.created',
       '{"n":' || n || ',"note":"' || repeat('x', (power(size, 3) * 4000)::int) || '"}',
       now() - interval '60 days' * (1 - n / 20000.0)
from (select n, random() as pick, random() as size from generate_series(1, 20000) n) drawn;

insert into usagekit.event_deliveries (id, project_id, event_id, status, created_at)
select 'delivery-' || id, project_id, id, case when random() < 0.95 then 'Success' else 'Failure' end, created_at
from usagekit.events;

analyze usagekit.projects, usagekit.events, usagekit.event_deliveries;
