-- What the span holds is rolled now, back to its lower end.
update {rollups}.project p set covered_from = s.lower
from {rollups}.span s
where s.project_id = p.project_id
