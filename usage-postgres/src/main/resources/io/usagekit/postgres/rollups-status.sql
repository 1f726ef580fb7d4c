-- How far the roll-ups are, in one snapshot. Marked hours and changed events are counted up to 100,000.
select
    s.covered_before,
    s.steps,
    (select count(*) from (select distinct project_id, bucket from {rollups}.mark limit 100000) as m) as marked_hours,
    (select count(*) from (select from {rollups}.changed_event limit 100000) as c) as changed_events,
    (select count(*) from {rollups}.project) as projects,
    (select count(*) from {rollups}.project where covered_from > '-infinity') as projects_to_backfill,
    (select max(covered_from) from {rollups}.project where covered_from > '-infinity') as backfilled_to
from {rollups}.state s
