package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.UUID;
import javax.sql.DataSource;

/** Inserts rows into the library's own tables one by one, for the contract. */
public final class OwnTables {

    private static final Instant LONG_AGO = Instant.parse("2001-01-01T00:00:00Z");

    private final DataSource dataSource;
    private final String schema;

    public OwnTables(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
    }

    public void empty() {
        run("truncate {s}.projects, {s}.events, {s}.event_deliveries");
    }

    public void received(String organisationId, Instant at, int bytes) {
        event(project(organisationId), at, bytes);
    }

    public void sent(String organisationId, Instant at, int bytes) {
        String project = project(organisationId);
        run(
                "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) values (?, ?, ?, 'Success', ?)",
                UUID.randomUUID().toString(),
                project,
                event(project, LONG_AGO, bytes),
                at);
    }

    private String project(String organisationId) {
        String id = "project of " + organisationId;
        run("insert into {s}.projects (id, organisation_id) values (?, ?) on conflict do nothing", id, organisationId);
        return id;
    }

    private String event(String project, Instant at, int bytes) {
        String id = UUID.randomUUID().toString();
        run(
                "insert into {s}.events (id, project_id, raw, created_at) values (?, ?, ?, ?)",
                id,
                project,
                "é".repeat(bytes / 2) + "x".repeat(bytes % 2),
                at);
        return id;
    }

    private void run(String sql, Object... values) {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement statement =
                        connection.prepareStatement(sql.replace("{s}", Identifiers.quote(schema)))) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i] instanceof Instant at ? at.atOffset(ZoneOffset.UTC) : values[i]);
            }
            statement.execute();
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }
}
