-- Gives it back. Parameter: :schema, of what is known of the partitions, quoted.
select pg_advisory_unlock(hashtextextended('usagekit partitions in ' || :schema, 0)) as answer
