-- Whether there is such a schema.
select to_regnamespace(:schema) is not null as answer
