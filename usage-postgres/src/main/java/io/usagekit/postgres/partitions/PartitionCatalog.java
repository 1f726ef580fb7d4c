package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The partitions of a table in the catalog.
 *
 * @param ranges in the order of their times, the default one last; empty if the table is plain
 */
record PartitionCatalog(RewriteSql sql, List<Range> ranges) {

    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(500);

    /** A partition; the default one has no bounds. */
    record Range(String schema, String name, Optional<Instant> lower, Optional<Instant> upper, long rows) {

        private static Range of(SqlRow row) throws SQLException {
            return new Range(
                    row.text("schema"),
                    row.text("name"),
                    row.optionalInstant("lower"),
                    row.optionalInstant("upper"),
                    row.number("rows"));
        }

        String quoted() {
            return Identifiers.qualified(schema, name);
        }

        boolean isDefault() {
            return lower.isEmpty();
        }

        private boolean holds(Instant instant) {
            return lower.filter(it -> !it.isAfter(instant)).isPresent()
                    && upper.filter(it -> it.isAfter(instant)).isPresent();
        }
    }

    /**
     * A partition that was missing.
     *
     * @param occupied whether it couldn't be created, since the default partition holds rows of its time
     */
    record Missing(String name, boolean occupied) {}

    static PartitionCatalog read(Connection connection, RewriteSql sql) throws SQLException {
        return new PartitionCatalog(sql, ranges(connection, sql, sql.table()));
    }

    /** The partitions of any table. */
    private static List<Range> ranges(Connection connection, RewriteSql sql, String table) throws SQLException {
        return sql.call(connection, "list-partitions").text("table", table).list(Range::of);
    }

    /** The partitions whose time is over before an instant. */
    List<Range> before(Instant before) {
        return ranges.stream()
                .filter(range ->
                        range.upper().filter(upper -> !upper.isAfter(before)).isPresent())
                .toList();
    }

    private Optional<Range> defaultRange() {
        return ranges.stream().filter(Range::isDefault).findFirst();
    }

    /** Whether no partition but the default one holds an instant. */
    boolean lacks(Instant instant) {
        return ranges.stream().noneMatch(range -> range.holds(instant));
    }

    /** Creates the partition that starts at an instant; empty if a partition holds that instant. */
    Optional<Missing> createIfMissing(
            Connection connection, PartitionInterval interval, Instant lower, PartitionGuard rollups)
            throws SQLException {
        if (!lacks(lower)) {
            return Optional.empty();
        }
        TableDefinition table = TableDefinition.read(connection, sql);
        String name = freeName(connection, sql, interval.suffix(lower));
        LockRetrier.lock(connection, "only " + sql.table(), "access exclusive", LOCK_TIMEOUT);
        if (defaultHoldsBetween(connection, lower, interval.next(lower))) {
            return Optional.of(new Missing(name, true));
        }
        boolean wereIntact = rollups.isIntact(connection, sql.role().key());
        Jdbc.execute(connection, create(sql, name, sql.table(), interval, lower, table.options()));
        if (wereIntact) {
            rollups.record(connection, sql.role().key());
        }
        if (!table.isOwn()) {
            Jdbc.execute(
                    connection,
                    "alter table " + Identifiers.qualified(sql.schema(), name) + " owner to " + table.owner());
        }
        return Optional.of(new Missing(name, false));
    }

    private boolean defaultHoldsBetween(Connection connection, Instant lower, Instant upper) throws SQLException {
        Optional<Range> defaultRange = defaultRange();
        return defaultRange.isPresent()
                && sql.callOn(
                                connection,
                                "holds-rows-between",
                                defaultRange.get().quoted())
                        .text("lower", lower.toString())
                        .text("upper", upper.toString())
                        .answer();
    }

    /** Whether the default partition holds rows of a finite time before an instant, which could have a partition. */
    boolean defaultHoldsBefore(Connection connection, Instant end) throws SQLException {
        Optional<Range> defaultRange = defaultRange();
        return defaultRange.isPresent()
                && sql.callOn(
                                connection,
                                "holds-rows-before",
                                defaultRange.get().quoted())
                        .text("upper", end.toString())
                        .answer();
    }

    /** Drops a partition if it has no rows; locked, so that no session inserts a row meanwhile. Returns whether it did. */
    static boolean dropIfEmpty(Connection connection, RewriteSql sql, Range range, PartitionGuard rollups)
            throws SQLException {
        LockRetrier.lock(connection, "only " + sql.table() + ", " + range.quoted(), "access exclusive", LOCK_TIMEOUT);
        boolean empty = sql.callOn(connection, "is-empty", range.quoted()).answer();
        if (empty) {
            boolean wereIntact = rollups.isIntact(connection, sql.role().key());
            Jdbc.execute(connection, "drop table " + range.quoted());
            if (wereIntact) {
                rollups.record(connection, sql.role().key());
            }
        }
        return empty;
    }

    /** The statement that creates a partition of the table or of its shadow table. */
    static String create(
            RewriteSql sql, String name, String parent, PartitionInterval interval, Instant lower, String options) {
        return "create table " + Identifiers.qualified(sql.schema(), name) + " partition of " + parent
                + " for values from ('" + lower + "') to ('" + interval.next(lower) + "')" + options;
    }

    /** A name that no relation has: a partition of the shadow table is created while the table may have one of the same time. */
    static String freeName(Connection connection, RewriteSql sql, String suffix) throws SQLException {
        String name = Index.named(sql.name(), suffix);
        for (int i = 2; sql.exists(connection, Identifiers.qualified(sql.schema(), name)); i++) {
            name = Index.named(sql.name(), suffix + "_" + i);
        }
        return name;
    }

    /** The partitions of a table, quoted; empty if it is plain. */
    static List<String> leaves(Connection connection, RewriteSql sql, String table) throws SQLException {
        return ranges(connection, sql, table).stream().map(Range::quoted).toList();
    }
}
