-- The notes that a batch deals with: those up to a number that this snapshot sees. Parameter: :rows, at most how many.
-- Returns: number, of the last one, and notes, how many; 0 if there are none.
select coalesce(max(n.number), 0) as number, count(*) as notes
from (select number from {notes} order by number limit :rows) as n
