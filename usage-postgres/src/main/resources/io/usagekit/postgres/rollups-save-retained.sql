-- Puts the sums of deleted rows aside until the end of the transaction, while everything else is made anew.
create temporary table usagekit_retained on commit drop as
select
    project_id::text as project_id,
    quarter,
    received_volume,
    received_bytes,
    sent_volume,
    sent_bytes,
    unmeasured
from {rollups}.retained
