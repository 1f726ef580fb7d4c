-- Puts them back; project ids may have another type by now.
insert into {rollups}.retained
    (project_id, quarter, received_volume, received_bytes, sent_volume, sent_bytes, unmeasured)
select
    (jsonb_populate_record(null::{rollups}.retained, jsonb_build_object('project_id', project_id))).project_id,
    quarter,
    received_volume,
    received_bytes,
    sent_volume,
    sent_bytes,
    unmeasured
from pg_temp.usagekit_retained
