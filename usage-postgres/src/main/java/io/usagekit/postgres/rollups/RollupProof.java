package io.usagekit.postgres.rollups;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;

/**
 * Compares the host's tables with what was recorded of them when the triggers were created. Each statement that reads figures does so
 * in its own snapshot, and doesn't use rolled hours where something differs. A record holds the version (xmin) of each row of the
 * catalog that describes a trigger or a mapped column: after {@code DISABLE TRIGGER} and {@code ENABLE TRIGGER} they differ, since rows
 * may have changed in between.
 */
final class RollupProof {

    /** The mapped tables that have triggers, by the names that statements use for them. */
    static final List<String> ROLES = List.of("events", "deliveries");

    private RollupProof() {}

    /** Whether the tables are as recorded; inside the connection's transaction, if there is one. */
    static boolean isIntact(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "is-intact").answer();
    }

    /** Returns what differs, in words. */
    static List<String> alterations(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "alterations").list(row -> row.text("alteration"));
    }

    /**
     * Records a table as it is now, if its triggers and mapped columns are defined as they were; in a transaction in which nothing is
     * rolled, or of which the caller knows that no row has changed without a trigger.
     *
     * @param role one of {@link #ROLES}
     * @return whether it is recorded
     */
    static boolean record(Connection connection, RollupSql sql, String role) throws SQLException {
        sql.call(connection, "record-relation").text("role", role).update();
        return sql.call(connection, "record-catalog-rows").text("role", role).update() == 1;
    }
}
