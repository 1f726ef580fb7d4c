package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * Roll-ups: the sums of each project's hours, kept in a schema of their own beside the host's tables, so that a figure takes
 * milliseconds however many events it counts. It equals that of the combined query at any time: what changed since it was
 * rolled is marked by triggers in the transaction that changes it, and read from raw rows until it is rolled anew.
 *
 * <ol>
 *   <li>{@link #install()} once, at deployment;
 *   <li>a {@link #worker()} in one or more of the host's processes;
 *   <li>{@link #calculator()} in place of that of {@link PostgresUsage}.
 * </ol>
 *
 * <p>Triggers are told of each row that is inserted, updated, deleted or copied, also by logical replication and in sessions with
 * {@code session_replication_role = replica}, and of each {@code TRUNCATE}. They aren't told when a partition that holds rows is
 * attached, detached or dropped, or when somebody disables them by hand.
 *
 * <p>Immutable and thread-safe. The host owns the {@link DataSource}.
 *
 * @since 0.1
 */
public final class PostgresRollups {

    /** What is put behind the name of the mapped schema to name that of its roll-ups, unless told otherwise. */
    public static final String SCHEMA_SUFFIX = "_rollups";

    private static final int MAX_IDENTIFIER_BYTES = 63;
    private static final Duration SHORTEST_RETENTION = Duration.ofDays(1);
    private static final Duration STATUS_TIMEOUT = Duration.ofSeconds(30);

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final String schema;
    private final boolean countDeletedProjects;
    private final InstantSource clock;
    private final RollupListener listener;

    private PostgresRollups(Builder builder, String schema) {
        this.dataSource = builder.dataSource;
        this.mapping = builder.mapping;
        this.schema = schema;
        this.countDeletedProjects = builder.countDeletedProjects;
        this.clock = builder.clock;
        this.listener = builder.listener;
    }

    /** Roll-ups of these tables, in the schema called like theirs with {@value #SCHEMA_SUFFIX} behind it. */
    public static PostgresRollups of(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Begins to describe roll-ups. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /** The schema that holds them and nothing else. */
    public String schema() {
        return schema;
    }

    /**
     * Creates the roll-ups' schema with its tables, the triggers on the host's events and deliveries, and the indexes that are
     * missing on them ({@link PostgresUsage#installIndexes}, and one on the deliveries' event id). Idempotent: what is there
     * and current stays, also what is rolled; partitions that have come since get their triggers. Roll-ups that were made by
     * an older version or for another mapping, or whose triggers are missing or disabled, begin anew.
     *
     * <p>Indexes are built without blocking writes. Creating triggers waits for transactions that write to the tables, at most
     * 2 s at a time, 15 times. Needs ownership of both tables, {@code SELECT} on the projects, and {@code CREATE} on the database.
     *
     * @throws UsageCalculationException if a privilege is lacking (it is named), a table is a view or foreign or has others
     *     inherit from it, a newer version has made them, or the database refuses; but for indexes nothing has been created then
     */
    public void install() {
        installer().install();
    }

    /**
     * Drops the roll-ups' schema with everything in it, their triggers on the host's tables, and the index on the deliveries'
     * event id if {@link #install()} built it. The indexes of the combined query stay. Idempotent. Waits for transactions that
     * use the tables as {@link #install()} does.
     *
     * @throws UsageCalculationException if {@link #deleteBefore retention} has kept sums here, or the database refuses; nothing has
     *     been removed then
     */
    public void remove() {
        installer().remove(RollupInstaller.Retained.PROTECTED);
    }

    /**
     * The same, with the sums of the rows that {@link #deleteBefore retention} has deleted: figures of those times fall to what
     * raw rows are left.
     *
     * @throws UsageCalculationException if the database refuses; nothing has been removed then
     */
    public void removeWithRetained() {
        installer().remove(RollupInstaller.Retained.FORGOTTEN);
    }

    /**
     * What {@link #install()} runs besides {@link PostgresUsage#indexDdl}, as a script for Flyway, Liquibase or psql. It may run
     * inside a transaction, and is for tables as they are now: their types and partitions are looked up.
     *
     * @throws UsageCalculationException if they can't be, or the mapping is wrong
     */
    public String ddl() {
        return installer().ddl();
    }

    /** Sees to it that the truncation of each partition is told, where there are roll-ups. In the transaction of the connection. */
    public void guardPartitions(Connection connection) throws SQLException {
        installer().guardPartitions(connection);
    }

    private RollupInstaller installer() {
        return new RollupInstaller(dataSource, mapping, schema);
    }

    /**
     * A calculator that takes what is rolled from roll-ups, and the rest from raw rows, in one statement. Where there are no
     * roll-ups, or they cover too little, it computes by the combined query, and tells the listener so. Connects to nothing
     * yet; safe for use by many threads at once.
     */
    public UsageCalculator calculator() {
        return new RollupCalculator(dataSource, mapping, schema, projects(), clock, listener);
    }

    /** Begins to build a worker. */
    public RollupWorker.Builder worker() {
        return new RollupWorker.Builder(dataSource, mapping, schema).clock(clock);
    }

    /**
     * How far they are.
     *
     * @return empty if there are none, or those of another version or mapping
     * @throws UsageCalculationException if the database refuses, or the mapping is wrong
     */
    public Optional<RollupStatus> status() {
        Instant now = clock.instant();
        try {
            return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, STATUS_TIMEOUT, connection -> {
                Optional<RollupSql> sql = current(connection);
                if (sql.isEmpty()) {
                    return Optional.<RollupStatus>empty();
                }
                try (PreparedStatement statement =
                                sql.get().statement("rollups-status.sql").prepare(connection, Map.of());
                        ResultSet row = statement.executeQuery()) {
                    row.next();
                    return Optional.of(status(row, now));
                }
            });
        } catch (SQLException e) {
            throw new UsageCalculationException(
                    "the state of the roll-ups in the schema " + Identifiers.quote(schema) + " can't be read: "
                            + e.getMessage(),
                    e);
        }
    }

    /**
     * What every organisation with a project used in a period, in one pass and one snapshot, for the end of a month. The same
     * figures as those of {@link #calculator()}; zeros where nothing was used. What isn't rolled is read from raw rows, however
     * much that is.
     *
     * @param timeout for all of it; 1 ms to 1 day
     * @param each is given each figure as it comes, in the order of ids by code points, while the snapshot is held; what it
     *     throws ends the pass
     * @return how many organisations there were
     * @throws UsageCalculationException if there are no roll-ups or other ones, a size is neither stored nor measurable, the
     *     database refuses, or it takes too long
     */
    public long calculateAll(UsagePeriod period, Duration timeout, Consumer<OrganisationUsage> each) {
        return UsageSeries.calculateAll(period, clock.instant(), each, sums(timeout));
    }

    /**
     * What an organisation used hour by hour, day by day or month by month, in one snapshot. The points follow each other
     * without a gap and add up to the figure of the whole window.
     *
     * @param zone whose hours, days or months
     * @param timeout for all of it; 1 ms to 1 day
     * @return at least one point; the first and the last may be parts of an hour, a day or a month
     * @throws UsageCalculationException as {@link #calculateAll}
     */
    public List<UsageSeriesPoint> series(UsageKey key, UsageSeriesGranularity step, ZoneId zone, Duration timeout) {
        return UsageSeries.series(key, step, zone, sums(timeout));
    }

    /**
     * What each project of an organisation used, in one snapshot. They add up to the organisation's figure.
     *
     * @param timeout for all of it; 1 ms to 1 day
     * @return the projects that count, in the order of their ids, also those that used nothing
     * @throws UsageCalculationException as {@link #calculateAll}
     */
    public List<ProjectUsage> byProject(UsageKey key, Duration timeout) {
        return UsageSeries.byProject(key, sums(timeout));
    }

    private UsageSeries.Sums sums(Duration timeout) {
        return (organisationId, edges, each) -> slices(organisationId, edges, timeout, each);
    }

    private void slices(
            Optional<String> organisationId,
            List<Instant> edges,
            Duration timeout,
            Consumer<RollupSeriesQuery.Sum> each) {
        SqlErrors.checkTimeout(timeout);
        try {
            Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, timeout, connection -> {
                RollupSql sql = current(connection).orElseThrow(this::nothingCurrent);
                RollupSeriesQuery.over(sql, projects(), organisationId).execute(connection, edges, each);
                return schema;
            });
        } catch (SQLException e) {
            throw new UsageCalculationException(
                    "the roll-ups in the schema " + Identifiers.quote(schema) + " can't be read: " + e.getMessage(), e);
        }
    }

    private ProjectScope projects() {
        return countDeletedProjects ? ProjectScope.ALL : ProjectScope.ALIVE;
    }

    private UsageCalculationException nothingCurrent() {
        return new UsageCalculationException(
                "there are no roll-ups of this version and mapping in the schema " + Identifiers.quote(schema), null);
    }

    /**
     * Sums up the raw rows of every rolled hour again and compares: project by project, at most 31 days in one snapshot, from
     * indexes as far as possible, but all in all everything is read once. Hours that are marked are left out: they are read
     * live anyway. Meanwhile the host writes and workers work.
     *
     * @param listener told of each hour that differs
     * @return how many hours differ; 0 unless something has changed that no trigger was told of
     * @throws UsageCalculationException if there are no roll-ups or other ones, or the database refuses
     */
    public long verify(VerificationProgress listener) {
        return verify(listener, (verifier, drift) -> {});
    }

    /**
     * The same, and marks each hour that differs: from then on figures are right, and the worker rolls it anew. Needs to write
     * to the roll-ups.
     *
     * @param listener told of each hour that differed, after it was marked
     * @return how many hours differed
     * @throws UsageCalculationException as {@link #verify}; what was marked before stays marked
     */
    public long repair(VerificationProgress listener) {
        return verify(listener, RollupVerifier::repair);
    }

    private interface Remedy {
        void apply(RollupVerifier verifier, RollupDrift drift) throws SQLException;
    }

    private long verify(VerificationProgress listener, Remedy remedy) {
        Objects.requireNonNull(listener, "listener");
        try {
            RollupVerifier verifier = new RollupVerifier(dataSource, readCurrent());
            return verifier.verify(listener, drift -> remedy.apply(verifier, drift));
        } catch (SQLException e) {
            throw RollupVerifier.explain(schema, e);
        }
    }

    /**
     * Deletes events and deliveries that were created before an instant, for good, and keeps what they counted, by project and
     * quarter of an hour: figures from here stay as they are, in every snapshot, also while it runs and if it is ended half way.
     * What comes or changes later in those times counts as ever. A window that begins or ends within a quarter of which rows have
     * been deleted has no figure any more, but an error that says so; months, days and hours of every time zone of today have
     * one. Calculators of {@link PostgresUsage}, which know of no roll-ups, see the rows that are left.
     *
     * <p>Deliveries that count nowhere go together with their events. An event stays as long as one of its deliveries is younger.
     * Rows that belong to no project stay, and so do deliveries that count nowhere and whose event is gone already.
     *
     * <p>Rows go in batches, the oldest first, each in a transaction of about half a second or less; between two of them it can be
     * ended, and any call goes on where the last one ended. Workers and writers go on meanwhile. Needs {@code DELETE} on both
     * tables, {@code UPDATE} on the events (they are locked while their deliveries go), and to write to the roll-ups.
     *
     * @param before at least a day ago by the clock
     * @param listener told how it goes
     * @throws IllegalArgumentException if {@code before} is later than a day ago
     * @throws UsageCalculationException if there are no roll-ups or other ones, other tables refer to events without {@code ON
     *     DELETE}, rows can't be deleted, or the database refuses; what was deleted before is kept in sums
     */
    public RetentionResult deleteBefore(Instant before, RetentionProgress listener) {
        Objects.requireNonNull(listener, "listener");
        Instant latest = clock.instant().minus(SHORTEST_RETENTION);
        if (before.isAfter(latest)) {
            throw new IllegalArgumentException(
                    "before must be at least a day ago, " + latest + " at the latest, but was " + before);
        }
        RollupSql sql;
        try {
            sql = readCurrent();
        } catch (SQLException e) {
            throw RetentionDeleter.explain(schema, 0, 0, e);
        }
        return new RetentionDeleter(dataSource, sql, listener, RetentionDeleter.Pace.DEFAULT).deleteBefore(before);
    }

    private RollupSql readCurrent() throws SQLException {
        return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, STATUS_TIMEOUT, this::current)
                .orElseThrow(this::nothingCurrent);
    }

    /** The statements, if what is installed is what this library would install; else empty. */
    private Optional<RollupSql> current(Connection connection) throws SQLException {
        RollupSql sql = RollupSql.over(mapping, TableShape.read(connection, mapping), schema);
        return RollupInstaller.installed(connection, sql)
                .filter(installed -> RollupInstaller.isCurrent(installed, sql))
                .map(installed -> sql);
    }

    private static RollupStatus status(ResultSet row, Instant now) throws SQLException {
        Optional<Instant> covered = RollupTransactions.instant(row, "covered_before");
        return new RollupStatus(
                covered,
                covered.map(before -> Duration.between(before, now)),
                row.getLong("steps"),
                row.getLong("marked_hours"),
                row.getLong("changed_events"),
                row.getLong("projects"),
                row.getLong("projects_to_backfill"),
                RollupTransactions.instant(row, "backfilled_to"));
    }

    /**
     * Describes roll-ups. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private Optional<String> schema = Optional.empty();
        private boolean countDeletedProjects;
        private InstantSource clock = InstantSource.system();
        private RollupListener listener = new RollupListener() {};

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** The tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /**
         * The schema of the roll-ups, which holds nothing else: {@link PostgresRollups#remove() removing} them drops it. By
         * default that of the tables with {@value PostgresRollups#SCHEMA_SUFFIX} behind it.
         */
        public Builder schema(String schema) {
            this.schema = Optional.of(schema);
            return this;
        }

        /**
         * Whether projects that are soft-deleted count, as in {@link PostgresUsage.Builder#countDeletedProjects}. Asked when a
         * figure is read: the same roll-ups serve both.
         */
        public Builder countDeletedProjects(boolean count) {
            this.countDeletedProjects = count;
            return this;
        }

        /** Stamps figures, and tells the worker which hours are over; the system's clock by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Told which way figures are computed; nobody by default. */
        public Builder listener(RollupListener listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if the schema's name isn't an identifier of 1 to 63 bytes, or is that of the tables
         */
        public PostgresRollups build() {
            String name = schema.orElse(mapping.schema() + SCHEMA_SUFFIX);
            int bytes = name.getBytes(StandardCharsets.UTF_8).length;
            if (name.isEmpty() || bytes > MAX_IDENTIFIER_BYTES || name.indexOf('\0') >= 0) {
                throw new IllegalArgumentException("schema must be an identifier of 1 to " + MAX_IDENTIFIER_BYTES
                        + " bytes without U+0000, but was \"" + name.replace("\0", "\\0") + "\" (" + bytes
                        + " bytes)");
            }
            if (name.equals(mapping.schema())) {
                throw new IllegalArgumentException(
                        "schema must be another one than that of the tables, but was \"" + name + "\"");
            }
            return new PostgresRollups(this, name);
        }
    }
}
