-- No rebuild is under way any more. Parameter: :role.
update {partitions}.state set target = null, phase = null, position = null, swapped_at = null where role = :role
