-- The orphans of the span.
delete from {rollups}.orphan o
using {rollups}.span s
where o.project_id = s.project_id and o.bucket >= s.lower and o.bucket < s.upper
