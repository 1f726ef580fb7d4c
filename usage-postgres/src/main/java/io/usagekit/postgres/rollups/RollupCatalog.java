package io.usagekit.postgres.rollups;

import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads which roll-ups are installed, and their state. */
final class RollupCatalog {

    /** The version and the settings with which roll-ups were installed. */
    record Installed(long version, String settings) {

        /** Whether they were installed by this version of the library, with the settings of these statements. */
        boolean isCurrent(RollupSql sql) {
            return version == RollupSql.VERSION && settings.equals(sql.settings());
        }
    }

    /** Number of triggers on the two tables themselves. */
    private static final int TRIGGERS = 10;

    private RollupCatalog() {}

    /**
     * Returns the statements for the installed roll-ups.
     *
     * @return empty unless they were installed by this version of the library, for this mapping and shape of the tables
     */
    static Optional<RollupSql> current(Connection connection, PostgresRollups.Settings settings, TableShape shape)
            throws SQLException {
        RollupSql sql = RollupSql.over(shape, settings.schema());
        return installed(connection, sql)
                .filter(installed -> installed.isCurrent(sql))
                .map(installed -> sql);
    }

    /** Returns what is installed; empty if there are no roll-ups. */
    static Optional<Installed> installed(Connection connection, RollupSql sql) throws SQLException {
        if (!isPresent(connection, sql.schema())) {
            return Optional.empty();
        }
        return sql.call(connection, "installed-version")
                .first(row -> new Installed(row.number("version"), row.text("settings")));
    }

    /** Whether there are roll-ups in this schema, of any version. */
    static boolean isPresent(Connection connection, String schema) throws SQLException {
        return exists(connection, Identifiers.qualified(schema, "state"));
    }

    /** Whether retained sums are there that an older version installed: they don't say how many rows count without octets. */
    static boolean hasOlderRetained(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "is-older-retained")
                .text("table", Identifiers.qualified(schema, RollupSql.RETAINED))
                .answer();
    }

    /** Whether a table or index, qualified and quoted, exists. */
    static boolean exists(Connection connection, String relation) throws SQLException {
        return RollupSql.callWithoutNames(connection, "is-present")
                .text("relation", relation)
                .answer();
    }

    /** A partition of one of the host's tables. */
    record Partition(String schema, String name) {

        String quoted() {
            return Identifiers.qualified(schema, name);
        }
    }

    /** Returns the partitions of a table, at every level, that lack their trigger. */
    static List<Partition> unguardedPartitions(Connection connection, RollupSql sql, String table) throws SQLException {
        List<Partition> partitions = new ArrayList<>();
        sql.call(connection, "partitions")
                .text("table", table)
                .text("trigger", sql.triggerName("truncate"))
                .forEach(row -> {
                    if (!row.flag("guarded")) {
                        partitions.add(new Partition(row.text("schema"), row.text("name")));
                    }
                });
        return partitions;
    }

    /** Returns the tables that dropping the roll-ups locks against readers, the host's first, in the order of writers' locks. */
    static List<String> tablesToLock(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "tables-to-lock")
                .text("schema", schema)
                .list(row -> row.text("name"));
    }

    /** Whether there are retained sums of rows that retention has deleted; needs no privilege. */
    static boolean holdsRetained(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "holds-retained")
                .text("schema", schema)
                .answer();
    }

    /** Whether every change fires a trigger: none is missing or disabled, also on partitions, and no partition changes without. */
    static boolean areTriggersInForce(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "triggers")
                .one(row -> row.number("standing") == TRIGGERS
                        && row.number("disabled") == 0
                        && row.number("untracked") == 0);
    }

    /** Returns the state of the roll-ups; {@code now} is the time of the call. */
    static RollupStatus status(Connection connection, RollupSql sql, Instant now) throws SQLException {
        List<String> alterations = new ArrayList<>(RollupProof.alterations(connection, sql));
        if (!areTriggersInForce(connection, sql)) {
            alterations.add(0, RollupProof.NOT_IN_FORCE);
        }
        List<IndexStatus> missing = IndexBuilder.statuses(
                        connection, sql.mapping().schema(), indexes(sql))
                .stream()
                .filter(IndexStatus::isLacking)
                .toList();
        return sql.call(connection, "status").one(row -> {
            Optional<Instant> covered = row.optionalInstant("covered_before");
            return new RollupStatus(
                    covered,
                    covered.map(before -> Duration.between(before, now)),
                    row.number("steps"),
                    row.number("marked_hours"),
                    row.number("changed_events"),
                    row.number("projects"),
                    row.number("projects_to_backfill"),
                    row.optionalInstant("backfilled_to"),
                    alterations,
                    missing);
        });
    }

    /** Returns the indexes that figures and the worker need. */
    static List<Index> indexes(RollupSql sql) {
        List<Index> indexes = new ArrayList<>(IndexDdl.indexes(sql.mapping()));
        indexes.add(IndexDdl.eventIdIndex(sql.mapping()));
        return indexes;
    }
}
