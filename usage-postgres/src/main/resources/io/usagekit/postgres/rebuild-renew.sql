-- Puts them in as they are. Parameter: :number, of the last note.
insert into {shadow} ({columns}) overriding system value
select {columns} from {table} l
where l.{key} = any (array(select distinct n.key from {notes} n where n.number <= :number))
