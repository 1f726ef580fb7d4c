-- When the oldest row was created, of those that were created at some time at all.
select min(l.{created_at}) as oldest from {table} l where isfinite(l.{created_at})
