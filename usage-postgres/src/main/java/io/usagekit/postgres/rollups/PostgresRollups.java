package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import javax.sql.DataSource;

/**
 * Roll-ups: hourly sums of each project, kept in a schema of their own beside the host's tables, so that a figure takes milliseconds
 * however many events it counts. A figure from roll-ups equals that of the combined query at any time: triggers mark an hour dirty in
 * the transaction that changes it after it was rolled, and marked hours are read from raw rows until they are re-rolled.
 *
 * <ol>
 *   <li>{@link #install()} once, at deployment;
 *   <li>a {@link #worker()} in one or more of the host's processes, and {@link #calculator()} instead of that of {@link PostgresUsage}.
 * </ol>
 *
 * <p>The triggers fire for each row that is inserted, updated, deleted or copied, also by logical replication and in sessions with
 * {@code session_replication_role = replica}, and for each {@code TRUNCATE}. They don't fire when a partition that holds rows is
 * attached, detached or dropped, or while they are disabled: each figure compares tables, triggers and partitions with what was recorded of
 * them, and is computed from raw rows where they differ ({@link RollupStatus#alterations}). Thread-safe; the host owns the data source.
 *
 * @since 0.1
 */
public final class PostgresRollups implements UsageReports {

    /** Suffix of the mapped schema's name in the default name of the roll-ups' schema. */
    public static final String SCHEMA_SUFFIX = "_rollups";

    private static final Duration STATUS_TIMEOUT = Duration.ofSeconds(30);

    /** The configuration, checked by the builder. */
    record Settings(
            DataSource dataSource,
            TableMapping mapping,
            String schema,
            ProjectScope projects,
            InstantSource clock,
            RollupListener listener,
            Set<String> dependants,
            boolean omitsMissingProjects) {

        /** The statements over these tables. */
        RollupSql sql(TableShape shape) {
            return omitsMissingProjects ? RollupSql.omittingMissing(shape, schema) : RollupSql.over(shape, schema);
        }

        /** Says that there are none, for errors. */
        String nothingCurrent() {
            return "there are no roll-ups of this version and mapping in the schema " + quotedSchema()
                    + "; call install() first";
        }

        /** The roll-ups' schema, for messages. */
        String quotedSchema() {
            return Identifiers.quote(schema);
        }
    }

    private final Settings settings;
    private final Jdbc jdbc;

    private PostgresRollups(Settings settings) {
        this.settings = settings;
        this.jdbc = new Jdbc(settings.dataSource());
    }

    /** Returns roll-ups of these tables, in a schema with the name of theirs and {@value #SCHEMA_SUFFIX}. */
    public static PostgresRollups of(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Returns a builder of roll-ups. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /** Returns the name of the schema that holds the roll-ups and nothing else. */
    public String schema() {
        return settings.schema();
    }

    /**
     * Creates the roll-ups' schema, if it is missing, with its tables, the triggers on the host's events and deliveries, and the indexes
     * that are missing on them ({@link PostgresUsage#installIndexes}, and one on the deliveries' event id). Idempotent: what is
     * installed and current stays, rolled hours included, and then nothing is run; partitions that were created since get their
     * triggers. Roll-ups of an older version or another mapping, and those whose triggers are missing or disabled, are replaced and
     * start from scratch; their schema and retained sums stay. Those from before the tables or a schema were renamed are taken over.
     *
     * <p>Indexes are built without blocking writes. Creating triggers waits for transactions that write to the tables, and replacing
     * them for those that read; other sessions and other installations wait as {@link PostgresUsage#install} says. Needs ownership of
     * both tables, {@code SELECT} on the projects, and {@code CREATE} on the schema or, if it is missing, on the database.
     *
     * @throws UsageStorageException if the mapping doesn't fit the tables, a privilege is missing (the message names it), a
     *     table is a view or foreign or has others inherit from it, roll-ups couldn't be kept exact (a table or partition is unlogged or
     *     foreign, a mapped column is a virtual generated one, row-level security hides rows from this role, or a collation equates ids on
     *     one side only; the message says what to do), a newer version has installed the roll-ups, other sessions hold
     *     locks on the tables for longer than two minutes, or the database refuses; then nothing but indexes has been created
     */
    public void install() {
        new RollupInstaller(settings).install();
    }

    /**
     * Drops the roll-ups' schema with everything in it, their triggers on the host's tables, and the index on the deliveries'
     * event id if {@link #install()} built it. The indexes of the combined query stay. The schema itself stays, empty, if this role
     * couldn't create it again. Idempotent. Waits for transactions that use the tables as {@link #install()} does.
     *
     * @throws UsageStorageException if the schema holds retained sums of rows that {@link #deleteBefore} has deleted, or the
     *     database refuses; then nothing has been removed
     */
    public void remove() {
        new RollupInstaller(settings).remove(RollupInstaller.Retained.PROTECTED);
    }

    /**
     * Removes the roll-ups as {@link #remove()} does, and with them the retained sums of rows that {@link #deleteBefore} has
     * deleted: figures of those times fall to the raw rows that are left.
     *
     * @throws UsageStorageException if the database refuses; then nothing has been removed
     */
    public void removeWithRetained() {
        new RollupInstaller(settings).remove(RollupInstaller.Retained.REMOVED);
    }

    /**
     * Records that the sums that retention has kept are those of the rows that the tables lack, after these roll-ups or the tables were
     * restored, or replaced by others. Until then figures are refused where the sums may count rows that are there again, which count as
     * others from then on, or may lack some. Rolled hours start from scratch; {@link #install()} creates triggers that are missing.
     *
     * @throws UsageStorageException if there are no roll-ups of this mapping, or the database refuses
     */
    public void acceptRetained() {
        new RollupInstaller(settings).acceptRetained();
    }

    /**
     * Adds what {@link #deleteBefore} has kept of a project to that of another one, after the project was renamed or merged with it. Until
     * then there is no figure in whose time such sums are: a project that was deleted looks the same.
     *
     * @param from the id that the projects don't have any more
     * @param to the id of a project
     * @throws UsageStorageException if the projects have the first id or lack the second, nothing is kept of the first, there are no
     *     roll-ups of this version and mapping, or the database refuses
     */
    public void moveRetained(String from, String to) {
        new RollupInstaller(settings).moveRetained(from, to);
    }

    /**
     * Leaves out what {@link #deleteBefore} has kept of a project that was deleted, so that its organisation has figures without it. It
     * stays stored: if the projects have the id again, it counts again.
     *
     * @throws UsageStorageException as {@link #moveRetained}
     */
    public void omitRetained(String projectId) {
        new RollupInstaller(settings).omitRetained(Objects.requireNonNull(projectId, "projectId"));
    }

    /**
     * Returns what {@link #install()} runs, as a script for Flyway, Liquibase or psql. It may run inside a transaction, and is for the
     * tables as they are now: their types, partitions and indexes are looked up. It begins with the statement that creates the schema, unless
     * that exists. Writes to a table wait while it builds an index; {@link PostgresUsage#installIndexes} and {@link
     * PostgresUsage#concurrentIndexDdl} build them without that, before.
     *
     * @throws UsageStorageException if the mapping doesn't fit the tables, they can't be rolled up as {@link #install()} says, or the
     *     database refuses
     */
    public String ddl() {
        return new RollupInstaller(settings).ddl();
    }

    /**
     * Returns what creates the missing triggers of partitions that were created since {@link #install()}, and records
     * their tables, if roll-ups are installed. For {@link io.usagekit.postgres.partitions.PostgresPartitions} and {@link
     * io.usagekit.postgres.rows.PostgresRows}; its type is internal.
     */
    public PartitionGuard partitionGuard() {
        return new RollupInstaller(settings);
    }

    /**
     * Returns a calculator that reads rolled hours from roll-ups and the rest from raw rows, in one statement. Where there are no
     * roll-ups, they cover too little of the window, or tables or triggers have been altered, it computes by the combined query, and
     * notifies the listener. It looks at the triggers of single partitions every five seconds at most, and at everything else with each
     * figure. Connects to nothing yet; thread-safe.
     */
    public UsageCalculator calculator() {
        return new RollupCalculator(settings, System::nanoTime, false);
    }

    /** Returns the feed of another store with the rolled sums, such as ClickHouse. Connects to nothing yet; thread-safe. */
    public RollupFeed feed() {
        return RollupCatalog.feed(settings);
    }

    /** Returns a builder of a worker. */
    public RollupWorker.Builder worker() {
        return new RollupWorker.Builder(settings);
    }

    /**
     * Returns the state of the roll-ups; empty if there are none, or those of another version or mapping.
     *
     * @throws UsageStorageException if the mapping doesn't fit the tables, or the database refuses or takes longer than 30 s
     */
    public Optional<RollupStatus> status() {
        return status(STATUS_TIMEOUT);
    }

    /** Returns the state as {@link #status()} does, within a timeout of 1 ms to 1 day, besides the wait for a connection. */
    public Optional<RollupStatus> status(Duration timeout) {
        return RollupCatalog.status(settings, jdbc, timeout);
    }

    /**
     * {@inheritDoc}
     *
     * <p>They are of one pass and one snapshot, which is held while {@code each} receives them, and equal those of {@link #calculator()}. Hours that
     * aren't rolled are read from raw rows, however many there are. An organisation has no figure if a size is neither stored nor measurable,
     * an edge of the period falls into a quarter of an hour of which retention has deleted rows, a sum exceeds {@code bigint}, or the id is blank
     * or longer than {@link UsageKey#MAX_ORGANISATION_ID_LENGTH}.
     *
     * @throws UsageCalculationException if there are no roll-ups of this version and mapping, the mapping doesn't fit the tables, the
     *     database refuses, or the timeout is over
     */
    @Override
    public long calculateAll(
            UsagePeriod period,
            Duration timeout,
            Consumer<OrganisationUsage> each,
            BiConsumer<String, UsageCalculationException> failed) {
        return reports().calculateAll(period, timeout, each, failed);
    }

    /** {@inheritDoc} They are of one snapshot; errors are those of {@link #calculateAll}. */
    @Override
    public List<UsageSeriesPoint> series(
            UsageKey key, UsageSeriesGranularity granularity, ZoneId zone, Duration timeout) {
        return reports().series(key, granularity, zone, timeout);
    }

    /** {@inheritDoc} They are of one snapshot; errors are those of {@link #calculateAll}. */
    @Override
    public List<ProjectUsage> byProject(UsageKey key, Duration timeout) {
        return reports().byProject(key, timeout);
    }

    private UsageReports reports() {
        return new UsageSeries(
                settings.clock(), timeout -> new RollupSeriesQuery.OfRollups(settings, jdbc, timeout, false));
    }

    /**
     * Sums up the raw rows of every rolled hour again and compares: project by project, at most 31 days in one snapshot, from
     * indexes as far as possible; in total every row is read once. Marked hours are left out, since they are read live. The host
     * may write and workers may run meanwhile.
     *
     * @param progress receives each hour that differs
     * @return the number of hours that differ; 0 unless rows changed without firing a trigger
     * @throws UsageStorageException as {@link #status(Duration)}, and if there are no roll-ups of this version and mapping
     */
    public long verify(VerificationProgress progress) {
        return RollupVerifier.verify(settings, this::readCurrent, progress, RollupVerifier.Remedy.NONE);
    }

    /**
     * Verifies as {@link #verify} does, and marks each hour that differs: from then on figures are right, and the worker re-rolls
     * the hour. Needs to write to the roll-ups.
     *
     * @param progress receives each hour that differed, after it was marked
     * @return the number of hours that differed
     * @throws UsageStorageException as {@link #verify}; hours that were marked before stay marked
     */
    public long repair(VerificationProgress progress) {
        return RollupVerifier.verify(settings, this::readCurrent, progress, RollupVerifier.Remedy.MARK);
    }

    /**
     * Deletes events and deliveries that were created before an instant, and retains what they counted, by project and quarter of
     * an hour: figures from roll-ups stay as they are, in every snapshot, also while it runs and if it is interrupted. Late arrivals
     * and later changes in those times count as ever. A window that begins or ends within a quarter of which rows have been deleted
     * has no figure any more, but an error that says so; months, days and hours of every time zone of today have one. Calculators
     * of {@link PostgresUsage}, which don't use roll-ups, count the rows that are left.
     *
     * <p>Deliveries that count nowhere are deleted together with their events. An event is kept as long as one of its deliveries
     * is younger. Rows that belong to no project are kept, and so are deliveries that count nowhere and whose event is missing. Rows of
     * other tables that refer to deleted ones are deleted along, whatever their age, where {@link Builder#deleteDependants} allows it.
     *
     * <p>Rows are deleted in batches, each in a transaction of about half a second or less: deliveries before events, project by
     * project and there the oldest first; tables that are partitioned by time a month of daily partitions after the other. It can be
     * interrupted between two batches, and the next call continues where the last one ended. Workers and writers run meanwhile. Needs
     * {@code DELETE} on both tables, {@code UPDATE} on the events (they are locked while their deliveries are deleted), and to write
     * to the roll-ups.
     *
     * @param before at least a day ago by the clock
     * @throws IllegalArgumentException if {@code before} is later than a day ago
     * @throws UsageStorageException if there are no roll-ups of this version and mapping, the tables have others besides, other tables refer
     *     to old rows (the message names all such foreign keys), or the database refuses; what deleted rows counted is retained
     */
    public RetentionResult deleteBefore(Instant before, RetentionProgress progress) {
        return RetentionDeleter.deleteBefore(settings, this::readCurrent, before, progress);
    }

    private RollupSql readCurrent() throws SQLException {
        return RollupCatalog.readCurrent(settings, jdbc, STATUS_TIMEOUT);
    }

    /**
     * Builds {@link PostgresRollups}. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private Optional<String> schema = Optional.empty();
        private ProjectScope projects = ProjectScope.ALIVE;
        private InstantSource clock = InstantSource.system();
        private RollupListener listener = new RollupListener() {};
        private Set<String> dependants = Set.of();
        private boolean omitsMissingProjects;

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** Sets the tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /**
         * Sets the schema of the roll-ups, which holds nothing else: {@link PostgresRollups#remove()} drops what is in it. By default it has
         * the name of the tables' schema and {@value PostgresRollups#SCHEMA_SUFFIX}.
         */
        public Builder schema(String schema) {
            this.schema = Optional.of(schema);
            return this;
        }

        /**
         * Sets whether projects that are soft-deleted count, as {@link PostgresUsage.Builder#countDeletedProjects} does. It applies
         * when a figure is read: the same roll-ups serve both.
         */
        public Builder countDeletedProjects(boolean count) {
            this.projects = count ? ProjectScope.ALL : ProjectScope.ALIVE;
            return this;
        }

        /** Sets the clock that stamps figures and says which hours are over; the system's by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Sets the listener that is notified of how figures are computed; none by default. */
        public Builder listener(RollupListener listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /**
         * Sets the tables whose rows {@link PostgresRollups#deleteBefore} deletes together with those that they refer to by foreign keys,
         * directly or through each other; none by default.
         *
         * @param tables by their names in the mapped schema, or with the names of others, such as {@code audit.lines}; not quoted
         */
        public Builder deleteDependants(String... tables) {
            this.dependants = Set.copyOf(List.of(tables));
            return this;
        }

        /**
         * Leaves out what retention has kept of projects that the projects don't have any more, as if {@link PostgresRollups#omitRetained}
         * were called for each: for hosts that delete projects in the course of business, or map a view of those that aren't deleted. Without
         * it there is no figure then, since a project that was renamed or merged would be missing.
         */
        public Builder omitMissingProjects() {
            this.omitsMissingProjects = true;
            return this;
        }

        /**
         * Checks the settings and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if the schema's name isn't an identifier of 1 to 63 bytes, or is that of the tables
         */
        public PostgresRollups build() {
            String name = schema.orElse(mapping.schema() + SCHEMA_SUFFIX);
            RollupPreconditions.checkSchema(name, mapping);
            return new PostgresRollups(new Settings(
                    dataSource, mapping, name, projects, clock, listener, dependants, omitsMissingProjects));
        }
    }
}
