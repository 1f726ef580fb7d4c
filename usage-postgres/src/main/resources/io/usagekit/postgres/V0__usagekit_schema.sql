-- The schema of the library's own tables. Leave this statement out where the schema exists and the role lacks CREATE on the database:
-- PostgreSQL checks that privilege first.
create schema if not exists {schema};
