-- The notes that are dealt with, which are those that the snapshot sees: numbers aren't committed in their order.
-- Parameter: :number, of the last note.
delete from {notes} where number <= :number
