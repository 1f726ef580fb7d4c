-- What an advance to :upper rolls: every project's hours since the last one.
insert into {rollups}.span (project_id, lower, upper)
select p.project_id, s.covered_before, :upper
from {rollups}.state s, {rollups}.project p
where s.covered_before < :upper
