-- Triggers stand in for a foreign key. Parameters: the columns of the table.
insert into {partitions}.foreign_key (role, schema, referencing, name, definition, validated, functions)
values (:role, :schema, :referencing, :name, :definition, :validated::boolean, :functions)
