-- A foreign key is made, and its rows aren't looked at yet. Parameters: the columns of the table.
insert into {partitions}.to_validate (role, schema, referencing, name, definition)
values (:role, :schema, :referencing, :name, :definition)
