-- They are. Parameters: :schema, :referencing, :name.
delete from {partitions}.to_validate where schema = :schema and referencing = :referencing and name = :name
