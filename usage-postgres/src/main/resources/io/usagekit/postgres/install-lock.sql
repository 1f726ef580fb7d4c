-- Takes the lock of index builds for this session, if nobody holds it.
select pg_try_advisory_lock(hashtextextended('usagekit indexes', 0)) as answer
