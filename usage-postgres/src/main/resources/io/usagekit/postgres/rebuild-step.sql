-- The first statement of a step: two of them can't run at once. Of two in REPEATABLE READ the second one fails (40001).
-- Parameters: :role; :phase, in which the rebuild must be.
-- Returns: position, the last key that is copied, as text; null before the first.
update {partitions}.state set steps = steps + 1
where role = :role and phase = :phase
returning position
