-- Whether anything is known of any table.
select
    exists (select from {partitions}.state where step is not null or target is not null)
    or exists (select from {partitions}.foreign_key)
    or exists (select from {partitions}.to_validate) as answer
