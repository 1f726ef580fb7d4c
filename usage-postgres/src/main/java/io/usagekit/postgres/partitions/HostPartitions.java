package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.internal.SqlCall;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Creates and drops partitions of a table that the host partitioned itself, in transactions that the caller retries. */
final class HostPartitions {

    private static final Duration LOCK_TIMEOUT = Duration.ofMillis(500);

    /** How hosts write the start of a partition in its name. */
    private static final List<String> DAYS = List.of("uuuuMMdd", "uuuu_MM_dd", "uuuu-MM-dd");

    private static final List<String> MONTHS = List.of("uuuuMM", "uuuu_MM", "uuuu-MM");

    private final RewriteSql sql;
    private final PartitionGuard rollups;

    HostPartitions(RewriteSql sql, PartitionGuard rollups) {
        this.sql = sql;
        this.rollups = rollups;
    }

    /** Reads the scheme of a table; empty if it isn't partitioned. */
    static Optional<PartitionScheme> scheme(Connection connection, RewriteSql sql) throws SQLException {
        return PartitionTree.read(connection, sql, sql.table())
                .filter(table -> table.key().isPresent())
                .map(PartitionScheme::of);
    }

    /** Returns the starts of the partitions that are missing from now to some intervals beyond. */
    static List<Instant> missing(PartitionScheme.Timeline timeline, Instant now, int ahead) {
        PartitionInterval interval = timeline.interval().orElseThrow();
        Instant start = timeline.newest().orElseThrow().bound().lower().orElseThrow();
        while (start.isAfter(now)) {
            start = interval.previous(start);
        }
        while (!interval.next(start).isAfter(now)) {
            start = interval.next(start);
        }
        List<Instant> missing = new ArrayList<>();
        for (int i = 0; i <= ahead; i++) {
            Instant lower = start;
            Instant upper = interval.next(start);
            if (timeline.ranges().stream().noneMatch(range -> range.overlaps(lower, upper))) {
                missing.add(lower);
            }
            start = upper;
        }
        return missing;
    }

    /** What the newest partition has that a new one would lack, in words. */
    List<String> ownObjects(Connection connection, PartitionScheme.Timeline timeline) throws SQLException {
        return sql.call(connection, "list-own-objects")
                .text("table", timeline.newest().orElseThrow().partition().quoted())
                .list(row -> row.text("object"));
    }

    /** Creates the partitions of a timeline that start at these instants, unless the default partition holds rows of their time. */
    List<PartitionCatalog.Missing> create(
            Connection connection, PartitionScheme.Timeline timeline, Instant now, int ahead) throws SQLException {
        lock(connection, timeline.parent());
        Optional<PartitionScheme.Timeline> current = PartitionTree.read(
                        connection, sql, timeline.parent().quoted())
                .map(PartitionScheme::of)
                .flatMap(scheme -> scheme.timelines().stream()
                        .filter(it -> it.prefix().equals(timeline.prefix())
                                && it.parent().quoted().equals(timeline.parent().quoted()))
                        .findFirst())
                .filter(it -> it.irregularity().isEmpty());
        if (current.isEmpty()) {
            throw new SQLException("the partitions of " + timeline.parent().quoted() + " have changed meanwhile");
        }
        boolean wereIntact = rollups.isIntact(connection, sql.role().key());
        List<PartitionCatalog.Missing> created = new ArrayList<>();
        for (Instant start : missing(current.get(), now, ahead)) {
            created.add(create(connection, current.get(), start));
        }
        if (wereIntact && created.stream().anyMatch(partition -> !partition.occupied())) {
            rollups.record(connection, sql.role().key());
        }
        rollups.guardPartitions(connection);
        return created;
    }

    private void lock(Connection connection, PartitionTree... parents) throws SQLException {
        Set<String> tables = new LinkedHashSet<>();
        tables.add("only " + sql.table());
        Stream.of(parents).map(parent -> "only " + parent.quoted()).forEach(tables::add);
        LockRetrier.lock(connection, String.join(", ", tables), "access exclusive", LOCK_TIMEOUT);
    }

    private PartitionCatalog.Missing create(Connection connection, PartitionScheme.Timeline timeline, Instant lower)
            throws SQLException {
        PartitionInterval interval = timeline.interval().orElseThrow();
        Instant upper = interval.next(lower);
        PartitionTree pattern = timeline.newest().orElseThrow().partition();
        String name = freeName(connection, pattern.schema(), name(timeline, lower));
        if (timeline.others().isPresent() && holdsRows(connection, timeline, lower, upper)) {
            return new PartitionCatalog.Missing(name, true);
        }
        createLike(
                connection,
                pattern,
                timeline.parent().quoted(),
                name,
                "for values from (" + constants(timeline, lower) + ") to (" + constants(timeline, upper) + ")");
        return new PartitionCatalog.Missing(name, false);
    }

    private static String constants(PartitionScheme.Timeline timeline, Instant time) {
        return String.join(
                ", ",
                Stream.concat(timeline.prefix().stream(), Stream.of("'" + time + "'"))
                        .toList());
    }

    private boolean holdsRows(Connection connection, PartitionScheme.Timeline timeline, Instant lower, Instant upper)
            throws SQLException {
        String same = timeline.prefix().isEmpty()
                ? "true"
                : "(" + String.join(", ", timeline.parent().key().orElseThrow().prefix()) + ") = ("
                        + String.join(", ", timeline.prefix()) + ")";
        return SqlCall.of(
                        connection,
                        sql.statements()
                                .with(Map.of(
                                        "partition",
                                        timeline.others().orElseThrow().quoted(),
                                        "same",
                                        same))
                                .template("holds-rows-of"))
                .text("lower", lower.toString())
                .text("upper", upper.toString())
                .answer();
    }

    /** Creates a partition as another one is: with its storage and owner, and partitioned as that is. */
    private void createLike(Connection connection, PartitionTree pattern, String parent, String name, String bound)
            throws SQLException {
        String quoted = Identifiers.qualified(pattern.schema(), name);
        PartitionStorage storage = sql.call(connection, "find-storage")
                .text("table", pattern.quoted())
                .one(PartitionStorage::of);
        Jdbc.execute(
                connection,
                "create table " + quoted + " partition of " + parent + " " + bound
                        + pattern.key()
                                .map(key -> " partition by " + key.definition())
                                .orElse(storage.options()));
        if (!storage.replicaIdentity().isEmpty()) {
            Jdbc.execute(connection, "alter table " + quoted + " replica identity " + storage.replicaIdentity());
        }
        for (PartitionTree partition : pattern.partitions()) {
            String below = partition.name().startsWith(pattern.name())
                    ? name + partition.name().substring(pattern.name().length())
                    : name + "_" + partition.name();
            createLike(
                    connection,
                    partition,
                    quoted,
                    freeName(connection, partition.schema(), Index.named(below, "")),
                    partition.bound().orElseThrow());
        }
        if (!storage.isOwn()) {
            Jdbc.execute(connection, "alter table " + quoted + " owner to " + storage.owner());
        }
    }

    private String freeName(Connection connection, String schema, String wanted) throws SQLException {
        String name = wanted;
        for (int i = 2; sql.exists(connection, Identifiers.qualified(schema, name)); i++) {
            name = Index.named(wanted, "_" + i);
        }
        return name;
    }

    /** The name of the newest partition with another time, or a name like those of the library's partitions. */
    static String name(PartitionScheme.Timeline timeline, Instant lower) {
        PartitionScheme.Range newest = timeline.newest().orElseThrow();
        PartitionInterval interval = timeline.interval().orElseThrow();
        String name = newest.partition().name();
        LocalDate from = date(newest.bound().lower().orElseThrow());
        for (String pattern : interval == PartitionInterval.MONTH ? union(DAYS, MONTHS) : DAYS) {
            DateTimeFormatter format = DateTimeFormatter.ofPattern(pattern, Locale.ROOT);
            int at = name.lastIndexOf(format.format(from));
            if (at >= 0) {
                return name.substring(0, at)
                        + format.format(date(lower))
                        + name.substring(at + format.format(from).length());
            }
        }
        return Index.named(timeline.parent().name(), interval.suffix(lower));
    }

    private static LocalDate date(Instant instant) {
        return LocalDate.ofInstant(instant, ZoneOffset.UTC);
    }

    private static List<String> union(List<String> some, List<String> others) {
        return Stream.concat(some.stream(), others.stream()).toList();
    }

    /** Drops a partition if it has no rows; locked, so that no session inserts a row meanwhile. Returns whether it did. */
    boolean dropIfEmpty(Connection connection, PartitionTree parent, PartitionTree partition) throws SQLException {
        lock(connection, parent);
        LockRetrier.lock(connection, partition.quoted(), "access exclusive", LOCK_TIMEOUT);
        boolean empty = sql.callOn(connection, "is-empty", partition.quoted()).answer();
        if (empty) {
            boolean wereIntact = rollups.isIntact(connection, sql.role().key());
            Jdbc.execute(connection, "drop table " + partition.quoted());
            if (wereIntact) {
                rollups.record(connection, sql.role().key());
            }
        }
        return empty;
    }
}
