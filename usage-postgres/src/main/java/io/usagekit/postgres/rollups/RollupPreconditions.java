package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** Checks that roll-ups can be installed and kept exact; each check throws an error that says what to do. */
final class RollupPreconditions {

    private static final int MAX_IDENTIFIER_BYTES = 63;

    private final PostgresRollups.Settings settings;
    private final TableMapping mapping;

    RollupPreconditions(PostgresRollups.Settings settings) {
        this.settings = settings;
        this.mapping = settings.mapping();
    }

    /** Checks the name of the schema of roll-ups over these tables. */
    static void checkSchema(String name, TableMapping mapping) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (name.isEmpty() || bytes > MAX_IDENTIFIER_BYTES || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("schema must be an identifier of 1 to " + MAX_IDENTIFIER_BYTES
                    + " bytes without U+0000, but was \"" + name.replace("\0", "\\0") + "\" (" + bytes + " bytes)");
        }
        if (name.equals(mapping.schema())) {
            throw new IllegalArgumentException("schema must differ from that of the tables, but was \"" + name + "\"");
        }
    }

    void checkVersion(Optional<RollupCatalog.Installed> installed) {
        if (installed.isPresent() && installed.get().version() > RollupSql.VERSION) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + settings.quotedSchema() + " are of version "
                            + installed.get().version() + ", made by a newer library; this one knows versions up to "
                            + RollupSql.VERSION + ": update the library",
                    null);
        }
    }

    /** Rejects views, which have no rows of their own, and tables with children: rows of these don't fire the parent's triggers. */
    void checkTables(Connection connection, RollupSql sql) throws SQLException {
        for (String table : RollupProof.ROLES) {
            boolean fits = sql.call(connection, "table-kind")
                    .text("table", sql.table(table))
                    .first(row -> row.flag("is_table") && !row.flag("is_inherited"))
                    .orElse(false);
            if (!fits) {
                throw UsageStorageException.permanent(
                        sql.table(table) + " (mapped as " + table
                                + ") must be a table, partitioned or not, to be rolled up: no view, no foreign table,"
                                + " and no table from which others inherit",
                        null);
            }
        }
    }

    /** Rejects tables that roll-ups can't be kept exact for. */
    void checkObstacles(Connection connection, RollupSql sql) throws SQLException {
        List<String> obstacles = sql.call(connection, "obstacles")
                .texts("event_columns", sql.eventColumns())
                .texts("delivery_columns", sql.deliveryColumns())
                .text("project_id", mapping.projectId())
                .text("event_project_id", mapping.eventProjectId())
                .text("delivery_project_id", mapping.deliveryProjectId())
                .text("event_id", mapping.eventId())
                .text("delivery_event_id", mapping.deliveryEventId())
                .list(row -> row.text("obstacle"));
        if (!obstacles.isEmpty()) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + settings.quotedSchema() + " can't be installed: "
                            + String.join("; ", obstacles),
                    null);
        }
    }

    void checkPrivileges(Connection connection, RollupSql sql) throws SQLException {
        List<String> lacking = sql.call(connection, "lacking-privileges").list(row -> row.text("lacking"));
        if (!lacking.isEmpty()) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + settings.quotedSchema() + " can't be installed: this role lacks "
                            + String.join(", ", lacking),
                    null);
        }
    }

    /** Refuses new roll-ups of tables from which retention has deleted rows whose sums others hold: their figures would lack these. */
    void checkRetainedElsewhere(Connection connection, List<String> takenOver) throws SQLException {
        List<String> holders = RollupCatalog.Others.find(connection, mapping, settings.schema()).stream()
                .filter(other -> other.holdsRetained() && !takenOver.contains(other.schema()))
                .map(other -> Identifiers.quote(other.schema()))
                .toList();
        if (!holders.isEmpty() && !RollupCatalog.holdsRetained(connection, settings.schema())) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + settings.quotedSchema()
                            + " can't be installed: the same tables have roll-ups in the schema "
                            + String.join(" and ", holders)
                            + ", which hold sums of rows that retention has deleted, and the figures of these would lack them;"
                            + " use that schema",
                    null);
        }
    }

    /** Refuses to create tables that subscribers would be sent, and don't have. */
    void checkPublications(Connection connection, RollupSql sql) throws SQLException {
        List<String> publications =
                sql.call(connection, "publications-of-new-tables").list(row -> row.text("publication"));
        if (!publications.isEmpty()) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + settings.quotedSchema() + " can't be installed: "
                            + String.join(" and ", publications)
                            + " and a logical replication slot of this database would send their tables to subscribers,"
                            + " and a subscription ends at the first row of a table that it doesn't know: publish a list of"
                            + " tables instead (create publication ... for table ...); or, if the subscriber has these"
                            + " tables or takes unknown ones, run the script of ddl() or of 'rollups install --print'",
                    null);
        }
    }
}
