-- A rebuild has begun. Parameters: :role; :target; :rows, to copy.
insert into {partitions}.state as s (role, target, phase, total)
values (:role, :target, 'COPYING', :rows::bigint)
on conflict (role) do update
set target = excluded.target, phase = excluded.phase, position = null, total = excluded.total, copied = 0, swapped_at = null
