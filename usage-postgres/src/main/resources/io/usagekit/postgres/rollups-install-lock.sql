-- Waits for others that install or remove roll-ups in this schema; until the end of the transaction. Parameter: :schema, quoted.
select pg_advisory_xact_lock(hashtextextended('usagekit roll-ups installed in ' || :schema, 0))
