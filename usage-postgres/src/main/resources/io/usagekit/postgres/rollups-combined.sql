-- The combined query and what retention has deleted, in one snapshot. Parameters as there.
-- Returns one row: what the combined query does, and whether an edge of the window cuts a quarter of an hour of deleted rows (cut);
-- then there is no figure.
with raw as materialized (
    {combined.query}
),

retained as (
    select
        sum(r.received_volume) as received_volume,
        sum(r.received_bytes) as received_bytes,
        sum(r.sent_volume) as sent_volume,
        sum(r.sent_bytes) as sent_bytes,
        sum(r.unmeasured) as unmeasured,
        coalesce(bool_or(r.cut), false) as cut
    from (
        select p.{project.id} as project_id, :start as lower, :end as upper
        from {projects} p
        where p.{project.organisation_id} = :organisation_id and {project.counts}
    ) as stretch
    cross join lateral ({retained}) as r
)

select
    (raw.received_volume + coalesce(retained.received_volume, 0))::bigint as received_volume,
    (raw.received_bytes + coalesce(retained.received_bytes, 0))::bigint as received_bytes,
    (raw.sent_volume + coalesce(retained.sent_volume, 0))::bigint as sent_volume,
    (raw.sent_bytes + coalesce(retained.sent_bytes, 0))::bigint as sent_bytes,
    (raw.unmeasured + coalesce(retained.unmeasured, 0))::bigint as unmeasured,
    retained.cut
from raw, retained
