-- A piece: what retention has deleted of a project in a stretch of time; of which, say the columns of what is called stretch.
-- Where an edge of it cuts a quarter of an hour, nobody knows which part of that quarter's sums is inside.
select
    sum(r.received_volume) as received_volume,
    sum(r.received_bytes) as received_bytes,
    sum(r.sent_volume) as sent_volume,
    sum(r.sent_bytes) as sent_bytes,
    sum(r.unmeasured) as unmeasured,
    bool_or(r.quarter < stretch.lower or r.quarter + interval '15 minutes' > stretch.upper) as cut
from {rollups}.retained r
where r.project_id = stretch.project_id
    and r.quarter > stretch.lower - interval '15 minutes'
    and r.quarter < stretch.upper
