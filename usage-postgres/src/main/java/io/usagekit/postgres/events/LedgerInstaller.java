package io.usagekit.postgres.events;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/** Creates what the ledger needs besides the library's own tables. */
final class LedgerInstaller {

    /** The order of pages, of all events and of those with one value of what is filtered by; and of what was sent. */
    private static final List<Index> INDEXES = List.of(
            events("(project_id, created_at, id collate \"C\")"),
            events("(project_id, event_type, created_at, id collate \"C\")"),
            events("(project_id, status, created_at, id collate \"C\")"),
            events("(project_id, source_id, created_at, id collate \"C\") where source_id <> ''"),
            events("(project_id, idempotency_key, created_at, id collate \"C\") where idempotency_key <> ''"),
            events("(project_id, coalesce(headers ->> 'x-broker-message-id', ''), created_at, id collate \"C\")"
                    + " where coalesce(headers ->> 'x-broker-message-id', '') <> ''"),
            new Index("event_deliveries", "(project_id, created_at, id collate \"C\") where status = 'Success'"));

    private final DataSource dataSource;
    private final String schema;

    LedgerInstaller(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
    }

    private static Index events(String definition) {
        return new Index("events", definition);
    }

    /** Tables first, all of them or none; then the indexes, one by one and without blocking writes. */
    void install() throws SQLException {
        PostgresUsage.install(dataSource, schema);
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            try {
                connection.setAutoCommit(false);
                createTables(connection);
                connection.setAutoCommit(true);
                IndexBuilder.build(connection, schema, INDEXES);
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        }
    }

    private void createTables(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            // "if not exists" doesn't keep two sessions from creating the same thing at once.
            statement.execute("select pg_advisory_xact_lock(hashtextextended('usagekit tables', 0))");
            statement.execute(tables());
            connection.commit();
        } catch (SQLException e) {
            connection.rollback();
            throw e;
        }
    }

    private String tables() {
        return SqlTemplate.fill(SqlTemplate.resource("V2__usagekit_ledger.sql"), LedgerSql.tables(schema));
    }

    String ddl() {
        return PostgresUsage.ddl(schema) + "\n" + tables() + "\n"
                + INDEXES.stream()
                        .map(index -> index.create(schema, index.table(), Index.BLOCKING, "") + ";\n")
                        .collect(Collectors.joining("\n"));
    }
}
