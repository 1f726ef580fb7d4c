package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import org.jspecify.annotations.Nullable;

/** Writes random rows into plain tables, from which each layout fills its own tables. */
public final class SourceTables {

    private static final String PREFIX = "source_";

    private SourceTables() {}

    public static void write(String schema, RandomRows rows) {
        String s = Identifiers.quote(schema);
        Database.execute(
                "create schema " + s,
                "create table " + s + ".source_projects (id text, organisation text, deleted boolean)",
                "create table " + s
                        + ".source_events (id text, project text, raw text, data bytea, document text, created_at timestamptz, deleted boolean)",
                "create table " + s
                        + ".source_deliveries (id text, project text, event text, status text, created_at timestamptz)");
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            batch(connection, s, "projects", 3, insert -> {
                for (RandomRows.Project project : rows.projects()) {
                    insert.add(project.id(), project.organisation(), project.deleted());
                }
            });
            batch(connection, s, "events", 7, insert -> {
                for (RandomRows.Event event : rows.events()) {
                    insert.add(
                            event.id(),
                            event.project(),
                            event.raw(),
                            event.data(),
                            event.document(),
                            utc(event.createdAt()),
                            event.deleted());
                }
            });
            batch(connection, s, "deliveries", 5, insert -> {
                for (RandomRows.Delivery delivery : rows.deliveries()) {
                    insert.add(
                            delivery.id(),
                            delivery.project(),
                            delivery.event(),
                            delivery.status(),
                            utc(delivery.createdAt()));
                }
            });
            connection.commit();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private interface Rows {
        void add(@Nullable Object... values) throws SQLException;
    }

    private interface Filler {
        void fill(Rows rows) throws SQLException;
    }

    private static void batch(Connection connection, String schema, String table, int columns, Filler filler)
            throws SQLException {
        String marks = "?, ".repeat(columns - 1) + "?";
        try (PreparedStatement insert = connection.prepareStatement(
                "insert into " + schema + "." + PREFIX + table + " values (" + marks + ")")) {
            filler.fill(values -> {
                for (int i = 0; i < values.length; i++) {
                    insert.setObject(i + 1, values[i]);
                }
                insert.addBatch();
            });
            insert.executeBatch();
        }
    }

    private static @Nullable OffsetDateTime utc(@Nullable Instant instant) {
        return instant == null ? null : instant.atOffset(ZoneOffset.UTC);
    }
}
