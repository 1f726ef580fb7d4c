-- The foreign keys whose rows are still to be looked at. Parameter: :role, of the table that was rebuilt.
-- Returns: schema, referencing, name, definition.
select schema, referencing, name, definition
from {partitions}.to_validate
where role = :role
order by schema, referencing, name
