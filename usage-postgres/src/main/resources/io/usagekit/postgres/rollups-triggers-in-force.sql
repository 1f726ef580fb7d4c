-- Whether these roll-ups are told of every change: how many of their triggers stand on the two tables themselves, and how many
-- triggers, also on partitions, aren't always enabled. Parameters: :events, :deliveries and :schema (the roll-ups'), quoted.
select
    count(*) filter (where t.tgrelid in (to_regclass(:events), to_regclass(:deliveries))) as standing,
    count(*) filter (where t.tgenabled <> 'A') as disabled
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid
where f.pronamespace = to_regnamespace(:schema)
