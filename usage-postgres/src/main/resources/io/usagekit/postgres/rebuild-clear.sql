-- Takes the rows that were changed out of the copy. An array rather than a join, so that the index is taken whatever is known of
-- the new table. Parameter: :number, of the last note.
delete from {shadow} s
where s.{key} = any (array(select distinct n.key from {notes} n where n.number <= :number))
