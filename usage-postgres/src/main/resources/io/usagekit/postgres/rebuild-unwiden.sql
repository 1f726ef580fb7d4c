-- No unique index has been given the partitions' time. Parameter: :role.
delete from {partitions}.widened where role = :role
