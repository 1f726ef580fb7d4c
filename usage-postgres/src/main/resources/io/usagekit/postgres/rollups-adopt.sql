-- Projects that have come since: rolled from here on, and read live for what was before until it is back-filled.
insert into {rollups}.project (project_id, covered_from)
select p.{project.id}, s.covered_before
from {rollups}.state s, {projects} p
where s.covered_before is not null
    and p.{project.id} is not null
    and not exists (select from {rollups}.project known where known.project_id = p.{project.id})
