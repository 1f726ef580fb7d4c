package io.usagekit.postgres.partitions;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Creates partitions ahead of time, and drops those whose time is over: the library's own ones and the host's. Not thread-safe. */
final class PartitionMaintenance {

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private final PartitionSettings settings;
    private final LockRetrier locks;
    private final PartitionGuard rollups;
    private final List<String> created = new ArrayList<>();
    private final List<String> occupied = new ArrayList<>();
    private final List<String> refused = new ArrayList<>();
    private final List<String> dropped = new ArrayList<>();
    private final List<String> kept = new ArrayList<>();
    private boolean hasTimelines;

    PartitionMaintenance(PartitionSettings settings, LockRetrier locks) {
        this.settings = settings;
        this.locks = locks;
        this.rollups = settings.rollups().partitionGuard();
    }

    /** Creates the partitions of a table that are missing from now to some intervals beyond. */
    void createAhead(RewriteSql sql, Instant now) throws SQLException {
        Optional<PartitionInterval> interval = settledInterval(sql);
        if (interval.isPresent()) {
            Instant first = interval.get().floor(now);
            if (lacksAny(sql, interval.get(), first) && isPublished(sql, sql.table())) {
                return;
            }
            hasTimelines = true;
            Instant start = first;
            for (int i = 0; i <= settings.ahead(); i++) {
                createIfMissing(sql, interval.get(), start).ifPresent(this::note);
                start = interval.get().next(start);
            }
            return;
        }
        Optional<PartitionScheme> scheme = read(connection -> HostPartitions.scheme(connection, sql));
        if (scheme.isPresent()) {
            refused.addAll(scheme.get().obstacles());
            for (PartitionScheme.Timeline timeline : scheme.get().timelines()) {
                createAhead(sql, timeline, now);
            }
        }
    }

    private void createAhead(RewriteSql sql, PartitionScheme.Timeline timeline, Instant now) throws SQLException {
        if (timeline.irregularity().isPresent()) {
            refused.add("the partitions of " + timeline.parent().quoted() + " can't be continued: "
                    + timeline.irregularity().get());
            return;
        }
        HostPartitions partitions = new HostPartitions(sql, rollups);
        List<String> own = read(connection -> partitions.ownObjects(connection, timeline));
        if (!own.isEmpty()) {
            refused.add("a new partition of " + timeline.parent().quoted() + " would lack what "
                    + timeline.newest().orElseThrow().partition().quoted() + " has by itself: "
                    + String.join(", ", own) + "; create it on "
                    + timeline.parent().quoted());
            return;
        }
        boolean lacksAny =
                !HostPartitions.missing(timeline, now, settings.ahead()).isEmpty();
        if (lacksAny && isPublished(sql, timeline.parent().quoted())) {
            return;
        }
        hasTimelines = true;
        if (lacksAny) {
            locks.run(
                            timeline.parent().quoted(),
                            connection -> partitions.create(connection, timeline, now, settings.ahead()))
                    .forEach(this::note);
        }
    }

    private boolean lacksAny(RewriteSql sql, PartitionInterval interval, Instant first) throws SQLException {
        PartitionCatalog present = read(connection -> PartitionCatalog.read(connection, sql));
        Instant start = first;
        for (int i = 0; i <= settings.ahead(); i++) {
            if (present.lacks(start)) {
                return true;
            }
            start = interval.next(start);
        }
        return false;
    }

    /** Whether new partitions of a table are refused, since subscribers would be sent rows of tables that they don't have. */
    private boolean isPublished(RewriteSql sql, String parent) throws SQLException {
        if (settings.createsPublished()) {
            return false;
        }
        List<String> publications = read(connection -> sql.call(connection, "publications-of-new-partitions")
                .text("parent", parent)
                .list(row -> row.text("publication")));
        if (publications.isEmpty()) {
            return false;
        }
        refused.add(
                "the rows of new partitions of " + parent
                        + " would be sent to subscribers under the partitions' own names by "
                        + String.join(" and ", publications)
                        + ", and a subscription ends at the first row of a table that it doesn't know: let the publication send them as"
                        + " rows of the whole table (alter publication ... set (publish_via_partition_root)); or, if subscribers have"
                        + " tables of these names before rows come, call createPublished() of the builder (partitions ahead --published)");
        return true;
    }

    private void note(PartitionCatalog.Missing partition) {
        (partition.occupied() ? occupied : created).add(partition.name());
    }

    private Optional<PartitionCatalog.Missing> createIfMissing(
            RewriteSql sql, PartitionInterval interval, Instant start) throws SQLException {
        return locks.run(sql.table(), connection -> {
            Optional<PartitionCatalog.Missing> missing =
                    PartitionCatalog.read(connection, sql).createIfMissing(connection, interval, start, rollups);
            rollups.guardPartitions(connection);
            return missing;
        });
    }

    /**
     * Returns what was created.
     *
     * @throws UsageStorageException if none can be created for any of the tables that are partitioned
     */
    CreateAheadResult aheadResult() {
        if (!hasTimelines && !refused.isEmpty()) {
            throw new UsageStorageException(
                    "no partitions can be created ahead of time: " + String.join("; ", refused), null);
        }
        return new CreateAheadResult(created, occupied, refused);
    }

    /**
     * Checks that partitions of at least one of the tables have times, unless both tables are plain.
     *
     * @throws UsageStorageException if none have
     */
    static void requireTimes(PartitionSettings settings, List<RewriteSql> tables) throws SQLException {
        List<String> obstacles = new ArrayList<>();
        for (RewriteSql sql : tables) {
            Optional<PartitionScheme> scheme = settings.jdbc()
                    .transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> HostPartitions.scheme(connection, sql));
            if (scheme.filter(it -> !it.timelines().isEmpty()).isPresent()) {
                return;
            }
            scheme.ifPresent(it -> obstacles.addAll(it.obstacles()));
        }
        if (!obstacles.isEmpty()) {
            throw new UsageStorageException(
                    "no partition can expire: " + String.join("; ", obstacles)
                            + "; nothing has been deleted, and the retention of roll-ups deletes old rows here, too",
                    null);
        }
    }

    /** Drops the partitions of a table whose time is over before an instant and that are empty. */
    void dropExpired(RewriteSql sql, Instant before) throws SQLException {
        if (settledInterval(sql).isPresent()) {
            List<PartitionCatalog.Range> expired =
                    read(connection -> PartitionCatalog.read(connection, sql)).before(before);
            if (!expired.isEmpty()) {
                awaitReaders(sql);
            }
            for (PartitionCatalog.Range range : expired) {
                drop(
                        range.name(),
                        range.quoted(),
                        connection -> PartitionCatalog.dropIfEmpty(connection, sql, range, rollups));
            }
            return;
        }
        HostPartitions partitions = new HostPartitions(sql, rollups);
        boolean awaited = false;
        for (PartitionScheme.Timeline timeline : read(connection -> HostPartitions.scheme(connection, sql))
                .map(PartitionScheme::timelines)
                .orElse(List.of())) {
            for (PartitionScheme.Range range : timeline.ranges()) {
                if (range.isBounded() && !range.bound().upper().orElseThrow().isAfter(before)) {
                    if (!awaited) {
                        awaitReaders(sql);
                        awaited = true;
                    }
                    drop(
                            range.partition().name(),
                            range.partition().quoted(),
                            connection -> partitions.dropIfEmpty(connection, timeline.parent(), range.partition()));
                }
            }
        }
    }

    private void drop(String name, String quoted, Jdbc.Work<Boolean> work) throws SQLException {
        boolean isDropped = locks.run(quoted, work);
        (isDropped ? dropped : kept).add(name);
    }

    List<String> dropped() {
        return dropped;
    }

    List<String> kept() {
        return kept;
    }

    /** Waits for transactions whose snapshots still see the deleted rows, which they would look for in a dropped partition. */
    private void awaitReaders(RewriteSql sql) throws SQLException {
        String transaction = settings.jdbc()
                .transaction(Jdbc.Mode.WRITE, TIMEOUT, connection -> SnapshotWait.transactionId(connection, sql));
        SnapshotWait.await(settings.jdbc(), sql, locks, PartitionProgress.NONE, transaction);
    }

    /** The interval by which the library partitioned a table, empty if it didn't; fails if a rewrite was interrupted. */
    private Optional<PartitionInterval> settledInterval(RewriteSql sql) throws SQLException {
        Optional<RewriteState> state = read(connection -> RewriteState.read(connection, sql));
        if (state.filter(RewriteState::isUnderWay).isPresent()) {
            throw new UsageStorageException(
                    "a rewrite of " + sql.table() + " was interrupted; continue it with partition or unpartition first",
                    null);
        }
        return state.flatMap(RewriteState::interval);
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return settings.jdbc().transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }
}
