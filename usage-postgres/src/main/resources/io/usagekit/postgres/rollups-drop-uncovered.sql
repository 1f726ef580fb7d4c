-- Takes out of the span what isn't rolled yet, and the marks of those hours that this transaction's snapshot sees: whatever
-- rolls them will have a later snapshot.
with dropped as (
    delete from {rollups}.span s
    where not exists (
        select
        from {rollups}.state, {rollups}.project p
        where p.project_id = s.project_id and p.covered_from <= s.lower and s.upper <= state.covered_before
    )
    returning project_id, lower, upper
)

delete from {rollups}.mark m
using dropped d
where m.project_id = d.project_id and m.bucket >= d.lower and m.bucket < d.upper
