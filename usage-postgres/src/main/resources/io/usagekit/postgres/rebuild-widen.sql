-- A unique index has been given the partitions' time. Parameters: :role; :index, quoted.
insert into {partitions}.widened (role, name)
select :role, relname from pg_catalog.pg_class where oid = to_regclass(:index)
