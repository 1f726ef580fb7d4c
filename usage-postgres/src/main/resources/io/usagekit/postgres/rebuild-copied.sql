-- So far it is copied. Parameters: :role; :position; :rows, how many more.
update {partitions}.state set position = :position, copied = copied + :rows::bigint where role = :role
