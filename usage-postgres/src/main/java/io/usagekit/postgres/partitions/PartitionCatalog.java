package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.LockRetrier;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The partitions of a table as they stand in the catalog.
 *
 * @param ranges in the order of their times, the default one last; none if the table is plain
 */
record PartitionCatalog(RewriteSql sql, List<Range> ranges) {

    private static final Duration LOCK_WAIT = Duration.ofMillis(500);

    /** A partition; the default one has no bounds. */
    record Range(String schema, String name, Optional<Instant> lower, Optional<Instant> upper, long rows) {
        String quoted() {
            return Identifiers.qualified(schema, name);
        }

        boolean isDefault() {
            return lower.isEmpty();
        }
    }

    /** What became of a partition that was missing. */
    record Made(String name, boolean occupied) {}

    static PartitionCatalog read(Connection connection, RewriteSql sql) throws SQLException {
        return new PartitionCatalog(sql, ranges(connection, sql, sql.table()));
    }

    /** The partitions of any table. */
    static List<Range> ranges(Connection connection, RewriteSql sql, String table) throws SQLException {
        List<Range> ranges = new ArrayList<>();
        try (PreparedStatement statement =
                        sql.statement("partitions-ranges.sql").prepare(connection, Map.of("table", table));
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                ranges.add(new Range(
                        row.getString("schema"),
                        row.getString("name"),
                        instant(row, "lower"),
                        instant(row, "upper"),
                        row.getLong("rows")));
            }
        }
        return ranges;
    }

    private static Optional<Instant> instant(ResultSet row, String column) throws SQLException {
        return Optional.ofNullable(row.getObject(column, OffsetDateTime.class)).map(OffsetDateTime::toInstant);
    }

    List<PartitionStatus.Partition> status() {
        return ranges.stream()
                .map(range -> new PartitionStatus.Partition(range.name(), range.lower(), range.upper(), range.rows()))
                .toList();
    }

    /** Those that lie wholly before an instant. */
    List<Range> before(Instant before) {
        return ranges.stream()
                .filter(range ->
                        range.upper().filter(upper -> !upper.isAfter(before)).isPresent())
                .toList();
    }

    Optional<Range> defaultRange() {
        return ranges.stream().filter(Range::isDefault).findFirst();
    }

    /** Empty if a partition has that time already. */
    Optional<Made> createIfMissing(Connection connection, PartitionInterval step, Instant lower) throws SQLException {
        boolean isThere = ranges.stream()
                .anyMatch(
                        range -> range.lower().filter(it -> !it.isAfter(lower)).isPresent()
                                && range.upper().filter(it -> it.isAfter(lower)).isPresent());
        if (isThere) {
            return Optional.empty();
        }
        TableDefinition table = TableDefinition.read(connection, sql);
        String name = freeName(connection, sql, step.suffix(lower));
        LockRetrier.lock(connection, "only " + sql.table(), "access exclusive", LOCK_WAIT);
        if (holdsRows(connection, lower, step.next(lower))) {
            return Optional.of(new Made(name, true));
        }
        RewriteSql.run(connection, create(sql, name, sql.table(), step, lower, table.options()));
        if (!table.isOwn()) {
            RewriteSql.run(
                    connection,
                    "alter table " + Identifiers.qualified(sql.schema(), name) + " owner to " + table.owner());
        }
        return Optional.of(new Made(name, false));
    }

    private boolean holdsRows(Connection connection, Instant lower, Instant upper) throws SQLException {
        Optional<Range> defaultRange = defaultRange();
        if (defaultRange.isEmpty()) {
            return false;
        }
        String text = "select exists (select from " + defaultRange.get().quoted() + " where " + sql.createdAt()
                + " >= '" + lower + "' and " + sql.createdAt() + " < '" + upper + "')";
        return answer(connection, text);
    }

    /** Whether the default partition has rows of some time before an instant, which might have a partition. */
    boolean defaultHoldsBefore(Connection connection, Instant end) throws SQLException {
        Optional<Range> defaultRange = defaultRange();
        return defaultRange.isPresent()
                && answer(
                        connection,
                        "select exists (select from " + defaultRange.get().quoted() + " where isfinite("
                                + sql.createdAt() + ") and " + sql.createdAt() + " < '" + end + "')");
    }

    private static boolean answer(Connection connection, String query) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(query);
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getBoolean(1);
        }
    }

    /** Locked, so that nobody puts a row into it meanwhile. */
    static boolean dropIfEmpty(Connection connection, RewriteSql sql, Range range) throws SQLException {
        LockRetrier.lock(connection, "only " + sql.table() + ", " + range.quoted(), "access exclusive", LOCK_WAIT);
        boolean empty = answer(connection, "select not exists (select from " + range.quoted() + ")");
        if (empty) {
            RewriteSql.run(connection, "drop table " + range.quoted());
        }
        return empty;
    }

    /** The statement that makes a partition of the table, or of its copy. */
    static String create(
            RewriteSql sql, String name, String parent, PartitionInterval step, Instant lower, String options) {
        return "create table " + Identifiers.qualified(sql.schema(), name) + " partition of " + parent
                + " for values from ('" + lower + "') to ('" + step.next(lower) + "')" + options;
    }

    /** The partition of a copy is made while one of the same time may be there. */
    static String freeName(Connection connection, RewriteSql sql, String suffix) throws SQLException {
        String name = Index.named(sql.name(), suffix);
        for (int i = 2; RewriteSql.exists(connection, Identifiers.qualified(sql.schema(), name)); i++) {
            name = Index.named(sql.name(), suffix + "_" + i);
        }
        return name;
    }

    /** The partitions of a table, quoted; none if it is plain. */
    static List<String> leaves(Connection connection, RewriteSql sql, String table) throws SQLException {
        return ranges(connection, sql, table).stream().map(Range::quoted).toList();
    }
}
