-- Gives it back. Parameter: :schema, the roll-ups' schema, quoted.
select pg_advisory_unlock(hashtextextended('usagekit roll-ups in ' || :schema, 0)) as answer
