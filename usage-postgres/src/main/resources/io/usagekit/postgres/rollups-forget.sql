-- What was rolled of the span.
delete from {rollups}.rollup r
using {rollups}.span s
where r.project_id = s.project_id and r.bucket >= s.lower and r.bucket < s.upper
