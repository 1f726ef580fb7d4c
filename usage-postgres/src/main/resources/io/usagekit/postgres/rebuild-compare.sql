-- Both tables in one snapshot. Returns: how many rows each has, and whether those have the same keys and times.
with live as (
    select count(*) as rows, sum(hashtextextended(l.{key}::text, extract(epoch from l.{created_at})::bigint)) as digest
    from {table} l
),

copy as (
    select count(*) as rows, sum(hashtextextended(s.{key}::text, extract(epoch from s.{created_at})::bigint)) as digest
    from {shadow} s
)

select live.rows as live, copy.rows as copy, live.digest is not distinct from copy.digest as same
from live, copy
