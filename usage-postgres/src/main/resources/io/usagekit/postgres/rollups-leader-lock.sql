-- Takes the lock of those who roll, for this session, if nobody holds it. Parameter: :schema, the roll-ups' schema, quoted.
select pg_try_advisory_lock(hashtextextended('usagekit roll-ups in ' || :schema, 0)) as answer
