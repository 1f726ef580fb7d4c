-- The copy is the table. Parameters: :role; :step, by which it is partitioned, empty if it is plain; :swapped_at.
-- Changes no row if somebody else was faster.
update {partitions}.state
set step = nullif(:step, ''), phase = 'FINISHING', swapped_at = :swapped_at::xid8
where role = :role and phase = 'CATCHING_UP'
