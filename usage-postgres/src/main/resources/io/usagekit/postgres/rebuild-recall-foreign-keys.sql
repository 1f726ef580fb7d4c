-- The foreign keys that triggers stand in for; from here on nothing does. Parameter: :role, of the table that they refer to.
-- Returns: schema, referencing, name, definition, validated, functions.
delete from {partitions}.foreign_key where role = :role
returning schema, referencing, name, definition, validated, functions
