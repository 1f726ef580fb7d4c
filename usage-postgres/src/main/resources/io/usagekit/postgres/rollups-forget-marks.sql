-- The marks of the span that this transaction's snapshot sees: it sees what they stand for, too.
delete from {rollups}.mark m
using {rollups}.span s
where m.project_id = s.project_id and m.bucket >= s.lower and m.bucket < s.upper
