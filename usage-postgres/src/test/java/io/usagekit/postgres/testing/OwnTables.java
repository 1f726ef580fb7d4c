package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.UUID;
import javax.sql.DataSource;

/** Inserts rows into the library's own tables, and makes them unavailable, for the contract. */
public final class OwnTables {

    private static final Instant LONG_AGO = Instant.parse("2001-01-01T00:00:00Z");

    private final DataSource dataSource;
    private final String schema;

    public OwnTables(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
    }

    public void empty() {
        transaction(connection -> run(connection, "truncate {s}.projects, {s}.events, {s}.event_deliveries"));
    }

    public void received(String organisationId, Instant at, int bytes) {
        transaction(connection -> event(connection, project(connection, organisationId), at, bytes));
    }

    /** Inserts equal events by one statement. */
    public void receivedMany(String organisationId, Instant at, int bytes, int events) {
        transaction(connection -> run(
                connection,
                "insert into {s}.events (id, project_id, raw, created_at)"
                        + " select gen_random_uuid()::text, ?, repeat('x', ?), ? from generate_series(1, ?)",
                project(connection, organisationId),
                bytes,
                at,
                events));
    }

    public void sent(String organisationId, Instant at, int bytes) {
        transaction(connection -> {
            String project = project(connection, organisationId);
            delivery(connection, project, event(connection, project, LONG_AGO, bytes), at);
        });
    }

    /** Inserts an event and its delivery in one transaction. */
    public void receivedAndSent(String organisationId, Instant at, int bytes) {
        transaction(connection -> {
            String project = project(connection, organisationId);
            delivery(connection, project, event(connection, project, at, bytes), at);
        });
    }

    /** Locks the tables against all readers; returns what unlocks them. */
    public Runnable stall() {
        try {
            Connection connection = dataSource.getConnection();
            connection.setAutoCommit(false);
            run(connection, "lock table {s}.events, {s}.event_deliveries in access exclusive mode");
            return () -> {
                try (connection) {
                    connection.rollback();
                } catch (SQLException e) {
                    throw new AssertionError(e.getMessage(), e);
                }
            };
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Renames a table, so that each query fails; returns what renames it back. */
    public Runnable breakQueries() {
        transaction(connection -> run(connection, "alter table {s}.projects rename to projects_elsewhere"));
        return () ->
                transaction(connection -> run(connection, "alter table {s}.projects_elsewhere rename to projects"));
    }

    private String project(Connection connection, String organisationId) throws SQLException {
        String id = "project of " + organisationId;
        run(
                connection,
                "insert into {s}.projects (id, organisation_id) values (?, ?) on conflict do nothing",
                id,
                organisationId);
        return id;
    }

    private String event(Connection connection, String project, Instant at, int bytes) throws SQLException {
        String id = UUID.randomUUID().toString();
        run(
                connection,
                "insert into {s}.events (id, project_id, raw, created_at) values (?, ?, ?, ?)",
                id,
                project,
                "é".repeat(bytes / 2) + "x".repeat(bytes % 2),
                at);
        return id;
    }

    private void delivery(Connection connection, String project, String event, Instant at) throws SQLException {
        run(
                connection,
                "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) values (?, ?, ?, 'Success', ?)",
                UUID.randomUUID().toString(),
                project,
                event,
                at);
    }

    private interface Work {
        void run(Connection connection) throws SQLException;
    }

    private void transaction(Work work) {
        try (Connection connection = dataSource.getConnection()) {
            connection.setAutoCommit(false);
            work.run(connection);
            connection.commit();
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private void run(Connection connection, String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql.replace("{s}", Identifiers.quote(schema)))) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i] instanceof Instant at ? at.atOffset(ZoneOffset.UTC) : values[i]);
            }
            statement.execute();
        }
    }
}
