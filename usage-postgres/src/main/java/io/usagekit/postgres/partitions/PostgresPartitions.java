package io.usagekit.postgres.partitions;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RetentionResult;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;

/**
 * Partitions the tables of events and deliveries by the time when their rows were created, and makes them plain again, online: a
 * shadow table is backfilled beside each table, catches up from a change log, and replaces the table in a short cut-over.
 *
 * <ol>
 *   <li>Call {@link #partition} once.
 *   <li>Call {@link #createAhead()} regularly, for example each day.
 *   <li>Call {@link #dropExpired} to delete old rows.
 *   <li>Call {@link #unpartition} to undo the partitioning.
 * </ol>
 *
 * <p>Rows, indexes, triggers, foreign keys, defaults, sequences, privileges and comments are kept; figures and roll-ups stay the same in
 * every snapshot. Two things work differently, since PostgreSQL doesn't support them in partitioned tables:
 *
 * <ul>
 *   <li>The primary key and unique indexes include the partitions' time. So an id is unique among the rows of one time only, and
 *       {@code ON CONFLICT} must name the time as well. The time is removed again when the table becomes plain.
 *   <li>Triggers replace foreign keys to the id. They act as the foreign keys did and raise the same SQLSTATE (23503): rows must refer
 *       to an existing row, and {@code ON DELETE} and {@code ON UPDATE} work. But a REPEATABLE READ or SERIALIZABLE transaction that
 *       deletes an event doesn't see rows that came to refer to it after its snapshot; in READ COMMITTED it does. {@code TRUNCATE} of
 *       the events is rejected while rows refer to them, also with {@code CASCADE}; that of a single partition isn't.
 * </ul>
 *
 * <p>{@link #partition} and {@link #unpartition} use three connections at a time, {@link #createAhead} and {@link #dropExpired} two;
 * a data source that has fewer is refused before anything is changed. A call that runs ends when its thread is interrupted: its
 * statement is cancelled, and the next call continues.
 *
 * <p>The state of the work is kept in a schema of its own while one of the tables is partitioned or being rewritten; the schema stays,
 * empty, where this role couldn't create it again. Immutable and thread-safe; of two concurrent calls that change something, one
 * fails. The host owns the {@link DataSource}.
 *
 * @since 0.1
 */
public final class PostgresPartitions {

    /** The suffix that the mapped schema's name gets to name the schema of the state. */
    public static final String SCHEMA_SUFFIX = "_partitions";

    private static final int MAX_IDENTIFIER_BYTES = 63;
    private static final int MAX_AHEAD = 366;

    /** That of the lock, that of a cut-over, and that of the last catch-up while writers wait for the cut-over. */
    private static final int REWRITE_CONNECTIONS = 3;

    /** That of the lock, and that of a transaction. */
    private static final int CONNECTIONS = 2;

    private static final String DROP_EXPIRED = "drop expired partitions of";
    private static final Duration TIMEOUT = Duration.ofMinutes(1);
    private static final Duration MIN_LOCK_BUDGET = Duration.ofSeconds(1);

    private final PartitionSettings settings;

    private PostgresPartitions(PartitionSettings settings) {
        this.settings = settings;
    }

    /** Returns the partitions of these tables. */
    public static PostgresPartitions of(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Returns a builder with the default settings. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /**
     * Partitions both tables, the events first: from the oldest row's time to now and {@linkplain Builder#ahead some intervals beyond},
     * with a default partition for all other rows. The name of a partition is that of the table with the day or month as a suffix. A
     * table that is partitioned by this interval is left as it is, unless its default partition holds rows that belong into another one:
     * then all partitions are created again, and some get a number in their names. Continues an interrupted call.
     *
     * <p>Readers and writers continue. Each change of a row also inserts its key into a change log. In the cut-over writers wait, and
     * finally readers: an attempt that hasn't acquired its locks within half a second is cancelled, and one that has takes as long as
     * the catalog changes do. Attempts are repeated within the {@linkplain Builder#lockBudget lock budget}. A cut-over also waits for
     * transactions that took their snapshot before the shadow table was complete, idle ones in REPEATABLE READ included; and for all
     * transactions of other roles, if this role can't see their snapshots (it lacks {@code pg_read_all_stats}). A transaction in
     * REPEATABLE READ or SERIALIZABLE that waits to write in that moment fails with SQLSTATE 40001. {@code TRUNCATE} of a table that is
     * being rewritten is rejected. On a standby, a transaction in REPEATABLE READ that began before the cut-over may see too few rows
     * after it.
     *
     * <p>Needs ownership of both tables and of those that foreign keys connect with them, {@code CREATE} on their schema and on the
     * schema of the state or, if that is missing, on the database, and disk space for another copy of a table with its indexes.
     *
     * @throws UsageStorageException if a table can't be partitioned (a view depends on it, it has no primary key of one column, its time
     *     may be null, it would have more than 400 partitions): the message names all that is in the way of both tables and what to do
     *     about it, and nothing has been changed. Also if another call is running, or the database fails; the tables are intact then,
     *     and the next call continues
     */
    public PartitionResult partition(PartitionInterval interval, PartitionProgress progress) {
        Objects.requireNonNull(interval, "interval");
        return rewrite(
                "partition",
                List.of(RewriteSql.Role.EVENTS, RewriteSql.Role.DELIVERIES),
                Optional.of(interval),
                progress);
    }

    /**
     * Makes both tables plain again, in the same way as {@link #partition}. Foreign keys that triggers replaced are created again. Undoes
     * an interrupted {@link #partition}.
     *
     * @throws UsageStorageException as {@link #partition}; and if an id occurs in a table more than once
     */
    public PartitionResult unpartition(PartitionProgress progress) {
        return rewrite(
                "unpartition", List.of(RewriteSql.Role.DELIVERIES, RewriteSql.Role.EVENTS), Optional.empty(), progress);
    }

    private PartitionResult rewrite(
            String operation,
            List<RewriteSql.Role> roles,
            Optional<PartitionInterval> target,
            PartitionProgress progress) {
        Objects.requireNonNull(progress, "progress");
        Instant now = settings.clock().instant();
        return exclusively(operation, REWRITE_CONNECTIONS, () -> {
            LockRetrier locks = locks();
            List<TableRewrite> rewrites = roles.stream()
                    .map(role -> new TableRewrite(settings, sql(role), locks, progress))
                    .toList();
            RewriteObstacles obstacles = new RewriteObstacles(settings.jdbc(), target, now);
            for (TableRewrite rewrite : rewrites) {
                rewrite.look(obstacles);
            }
            obstacles.throwIfAny();
            long copied = 0;
            long changes = 0;
            for (TableRewrite rewrite : rewrites) {
                rewrite.rewriteInto(target, now);
                copied += rewrite.copied();
                changes += rewrite.changes();
            }
            return new PartitionResult(copied, changes, locks.longest());
        });
    }

    /**
     * Creates the missing partitions from now to {@linkplain Builder#ahead some intervals beyond}. Idempotent. Locks each table for a
     * moment, in which it reads the default partition.
     *
     * <p>Continues partitions that the host created itself as well, at any level of partitions, where the newest one is a day, a week or a
     * month long and begins at midnight in UTC: of a range of the time, or of other columns and the time. A new partition is named and
     * stored as the newest one, and partitioned as that is.
     *
     * @return the partitions that it created, those that it couldn't create, since the default partition holds rows of their time, and why
     *     it refused tables or parts of them
     * @throws UsageStorageException if no partition of either table can be continued (the message says why), another call is running, a
     *     rewrite was interrupted, or the database fails
     */
    public CreateAheadResult createAhead() {
        Instant now = settings.clock().instant();
        return exclusively("create partitions of", CONNECTIONS, () -> {
            PartitionMaintenance maintenance = new PartitionMaintenance(settings, locks());
            for (RewriteSql.Role role : RewriteSql.Role.values()) {
                maintenance.createAhead(sql(role), now);
            }
            return maintenance.aheadResult();
        });
    }

    /**
     * Deletes old rows as {@link PostgresRollups#deleteBefore} does, which keeps their sums, and drops the partitions whose time is over
     * before an instant and that are empty then, those included that the host created by ranges of time at any level. Without roll-ups it
     * deletes and drops nothing: figures would change.
     *
     * @param before at least a day ago by the clock of the roll-ups
     * @throws IllegalArgumentException if {@code before} is later than a day ago
     * @throws UsageStorageException if the host partitioned the tables, and none of them by ranges of time: nothing is deleted then; and as
     *     {@link PostgresRollups#deleteBefore} and {@link #createAhead}
     */
    public PartitionExpiryResult dropExpired(Instant before, RetentionProgress progress) {
        List<RewriteSql> tables = List.of(sql(RewriteSql.Role.DELIVERIES), sql(RewriteSql.Role.EVENTS));
        try {
            settings.jdbc().requireConnections(CONNECTIONS);
            PartitionMaintenance.requireTimes(settings, tables);
        } catch (SQLException e) {
            throw failed(DROP_EXPIRED, e);
        }
        RetentionResult retention = settings.rollups().deleteBefore(before, progress);
        return exclusively(DROP_EXPIRED, CONNECTIONS, () -> {
            PartitionMaintenance maintenance = new PartitionMaintenance(settings, locks());
            for (RewriteSql table : tables) {
                maintenance.dropExpired(table, before);
            }
            return new PartitionExpiryResult(retention, maintenance.dropped(), maintenance.kept());
        });
    }

    /**
     * Reads how the tables are partitioned, and how far a rewrite is.
     *
     * @throws UsageStorageException if the tables aren't as mapped, or the database fails
     */
    public PartitionStatus status() {
        try {
            return read(connection -> {
                TableShape.read(connection, settings.mapping());
                return new PartitionStatus(
                        status(connection, RewriteSql.Role.EVENTS), status(connection, RewriteSql.Role.DELIVERIES));
            });
        } catch (SQLException | UsageCalculationException e) {
            throw failed("read the partitions of", e);
        }
    }

    private PartitionStatus.Table status(Connection connection, RewriteSql.Role role) throws SQLException {
        RewriteSql sql = sql(role);
        Optional<RewriteState> state = RewriteState.read(connection, sql);
        Optional<PartitionTree> tree = PartitionTree.read(connection, sql, sql.table());
        return new PartitionStatus.Table(
                state.flatMap(RewriteState::interval),
                tree.flatMap(PartitionTree::key).map(PartitionTree.Key::definition),
                tree.map(PartitionTree::status).orElse(List.of()),
                state.filter(RewriteState::isUnderWay)
                        .map(rewrite -> new PartitionStatus.Rewrite(
                                rewrite.targetInterval(), rewrite.phase(), rewrite.copied(), rewrite.total())));
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return settings.jdbc().transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    private RewriteSql sql(RewriteSql.Role role) {
        return new RewriteSql(settings.mapping(), role, settings.stateSchema(), settings.source());
    }

    private LockRetrier locks() {
        return new LockRetrier(settings.jdbc(), settings.pace());
    }

    private <T> T exclusively(String operation, int connections, ExclusiveLock.Work<T> work) {
        try {
            return ExclusiveLock.hold(settings, connections, work);
        } catch (SQLException e) {
            throw failed(operation, e);
        }
    }

    private String tables() {
        return "the tables in schema " + Identifiers.quote(settings.mapping().schema());
    }

    private UsageStorageException failed(String operation, Exception e) {
        String what = "cannot " + operation + " " + tables();
        return e instanceof SQLException known
                ? SqlErrors.storageFailure(what, known)
                : new UsageStorageException(what + ": " + e.getMessage(), e);
    }

    /**
     * Builds {@link PostgresPartitions}. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private Optional<PostgresRollups> rollups = Optional.empty();
        private InstantSource clock = InstantSource.system();
        private int ahead = 3;
        private boolean createsPublished;
        private long firstBatchRows = 1_000;
        private long maxBatchRows = 20_000;
        private int attemptsBeforeQueueing = 20;
        private LockRetrier.Pace pace = LockRetrier.Pace.DEFAULT;
        private RewriteProbe probe = RewriteProbe.NONE;
        private SqlSource source = RewriteSql.FILES;

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** Sets the tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /** Sets their roll-ups, which may not be installed; by default those in their default schema. */
        public Builder rollups(PostgresRollups rollups) {
            this.rollups = Optional.of(rollups);
            return this;
        }

        /** Sets the clock; the system's by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Sets how many partitions are created after the current one, 1 to 366; 3 by default. */
        public Builder ahead(int partitions) {
            this.ahead = partitions;
            return this;
        }

        /**
         * Lets {@link PostgresPartitions#createAhead} create partitions whose rows a publication sends under the partitions' own names.
         * Without it these are refused where there is a logical replication slot: a subscription ends at the first row of a table that it
         * doesn't know. Subscribers must have tables of these names before rows come.
         */
        public Builder createPublished() {
            this.createsPublished = true;
            return this;
        }

        /** Sets how long attempts to acquire locks are repeated before a call fails, at least a second; 10 minutes by default. */
        public Builder lockBudget(Duration budget) {
            this.pace = pace.withBudget(Objects.requireNonNull(budget, "budget"));
            return this;
        }

        /** Sets the rows of all batches; for tests. */
        Builder batchesOf(long rows) {
            this.firstBatchRows = rows;
            this.maxBatchRows = rows;
            return this;
        }

        /** Sets how many cut-overs are tried without queueing for the lock against readers; for tests. */
        Builder attemptsBeforeQueueing(int attempts) {
            this.attemptsBeforeQueueing = attempts;
            return this;
        }

        /** Sets how locks are waited for; for tests. */
        Builder pace(LockRetrier.Pace pace) {
            this.pace = pace;
            return this;
        }

        /** Sets what is called at each point of a rewrite; for tests. */
        Builder probe(RewriteProbe probe) {
            this.probe = probe;
            return this;
        }

        /** Sets the source of the statements; for tests. */
        Builder source(SqlSource source) {
            this.source = source;
            return this;
        }

        /**
         * Checks the settings and builds; doesn't connect.
         *
         * @throws IllegalArgumentException if {@code ahead} isn't 1 to 366, {@code lockBudget} is less than a second, or the mapped
         *     schema's name is too long for the suffix {@value PostgresPartitions#SCHEMA_SUFFIX}
         */
        public PostgresPartitions build() {
            if (ahead < 1 || ahead > MAX_AHEAD) {
                throw new IllegalArgumentException("ahead must be 1 to " + MAX_AHEAD + ", but was " + ahead);
            }
            if (pace.budget().compareTo(MIN_LOCK_BUDGET) < 0) {
                throw new IllegalArgumentException(
                        "lockBudget must be at least " + MIN_LOCK_BUDGET + ", but was " + pace.budget());
            }
            String stateSchema = mapping.schema() + SCHEMA_SUFFIX;
            int bytes = stateSchema.getBytes(StandardCharsets.UTF_8).length;
            if (bytes > MAX_IDENTIFIER_BYTES) {
                throw new IllegalArgumentException("the schema of the tables with the suffix " + SCHEMA_SUFFIX
                        + " must be at most " + MAX_IDENTIFIER_BYTES + " bytes, but was \"" + stateSchema + "\" ("
                        + bytes + " bytes)");
            }
            return new PostgresPartitions(new PartitionSettings(
                    new Jdbc(dataSource),
                    mapping,
                    stateSchema,
                    rollups.orElseGet(() -> PostgresRollups.builder(dataSource)
                            .mapping(mapping)
                            .clock(clock)
                            .build()),
                    clock,
                    ahead,
                    createsPublished,
                    firstBatchRows,
                    maxBatchRows,
                    attemptsBeforeQueueing,
                    pace,
                    probe,
                    source));
        }
    }
}
