-- What is known of a table. Parameter: :role.
select step, target, phase, total, copied, swapped_at::text as swapped_at from {partitions}.state where role = :role
