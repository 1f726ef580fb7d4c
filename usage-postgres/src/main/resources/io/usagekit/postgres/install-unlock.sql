-- Gives the lock of index builds back.
select pg_advisory_unlock(hashtextextended('usagekit indexes', 0)) as answer
