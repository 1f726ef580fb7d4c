-- Counts a step. Fails with 40001 if something else has changed the state since this transaction's snapshot.
-- Returns covered_before, null if nothing is rolled.
update {rollups}.state set steps = steps + 1
returning covered_before
