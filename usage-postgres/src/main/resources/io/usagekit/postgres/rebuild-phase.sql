-- The next phase begins. Parameters: :role; :phase.
update {partitions}.state set phase = :phase where role = :role
