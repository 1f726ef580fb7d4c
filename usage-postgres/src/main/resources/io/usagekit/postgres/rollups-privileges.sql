-- The privileges that installing needs and this role lacks, one a row.
-- Parameters: :events, :deliveries, :projects, quoted.
select needed.privilege as lacking
from (values
    (
        'CREATE on the database ' || quote_ident(current_database()),
        has_database_privilege(current_database(), 'CREATE')
    ),
    (
        'ownership of the table ' || :events || ' (or of a role that owns it)',
        (select pg_has_role(relowner, 'USAGE') from pg_catalog.pg_class where oid = to_regclass(:events))
    ),
    (
        'ownership of the table ' || :deliveries || ' (or of a role that owns it)',
        (select pg_has_role(relowner, 'USAGE') from pg_catalog.pg_class where oid = to_regclass(:deliveries))
    ),
    ('SELECT on the table ' || :projects, has_table_privilege(to_regclass(:projects), 'SELECT'))
) as needed (privilege, held)
where not needed.held
