package io.usagekit.postgres.partitions;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RetentionResult;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Partitions the tables of events and deliveries by the time when their rows were created, and makes them plain again, while
 * others read and write: a copy is filled beside the table, catches up, and takes its place.
 *
 * <ol>
 *   <li>{@link #partition} once;
 *   <li>{@link #createAhead()} every so often, say each day;
 *   <li>{@link #dropExpired} where old rows are to go;
 *   <li>{@link #unpartition} if it is to be as before.
 * </ol>
 *
 * <p>Rows, indexes, triggers, foreign keys, defaults, sequences, privileges and comments stay; figures and roll-ups stay what they
 * are, in every snapshot. What PostgreSQL can't do in a partitioned table becomes of it as follows:
 *
 * <ul>
 *   <li>The primary key and unique indexes gain the partitions' time, so that an id is kept from standing there twice only at one
 *       and the same time, and {@code ON CONFLICT} must name it as well. They lose it again when the table becomes plain.
 *   <li>Foreign keys to the id can't stand. Triggers do what they did, and raise the same SQLSTATE (23503): rows must refer to one
 *       that is there, and {@code ON DELETE} and {@code ON UPDATE} act as before. But a REPEATABLE READ or SERIALIZABLE transaction
 *       that deletes an event doesn't see a row that came to refer to it after its snapshot; in READ COMMITTED it does. {@code
 *       TRUNCATE} of the events is refused while rows refer to them, also with {@code CASCADE}; that of a single partition isn't.
 * </ul>
 *
 * <p>Takes up to three connections at a time. What is known of the tables stands in a schema of its own for as long as one of them is
 * partitioned. Immutable and thread-safe; of two calls that change something, one is refused. The host owns the {@link DataSource}.
 *
 * @since 0.1
 */
public final class PostgresPartitions {

    /** What is put behind the name of the mapped schema to name that of what is known of partitions. */
    public static final String SCHEMA_SUFFIX = "_partitions";

    private static final Logger LOG = LoggerFactory.getLogger(PostgresPartitions.class);

    private static final int MAX_IDENTIFIER_BYTES = 63;
    private static final int MOST_AHEAD = 366;
    private static final Duration TIMEOUT = Duration.ofMinutes(1);
    private static final SqlTemplate LOCK = SqlTemplate.of(SqlTemplate.resource("partitions-lock.sql"), Map.of());
    private static final SqlTemplate UNLOCK = SqlTemplate.of(SqlTemplate.resource("partitions-unlock.sql"), Map.of());

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final PostgresRollups rollups;
    private final InstantSource clock;
    private final RewriteOptions options;
    private final LockRetrier.Pace pace;
    private final String schema;

    private PostgresPartitions(Builder builder, String schema) {
        this.dataSource = builder.dataSource;
        this.mapping = builder.mapping;
        this.rollups = builder.rollups.orElseGet(() -> PostgresRollups.builder(builder.dataSource)
                .mapping(builder.mapping)
                .clock(builder.clock)
                .build());
        this.clock = builder.clock;
        this.options = builder.options;
        this.pace = builder.pace;
        this.schema = schema;
    }

    /** Partitions of these tables. */
    public static PostgresPartitions of(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Begins to describe partitions. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /**
     * Partitions both tables, the events first: from the oldest row's time to now and {@linkplain Builder#ahead some beyond}, and a
     * default partition for all other rows. Partitions are called like the table with the day or the month behind it. A table that
     * is partitioned so already stays, unless rows stand in the default partition that would have one of their own: then all are
     * made anew, and some are called by a number as well. Goes on where a call was ended half way, by whatever.
     *
     * <p>Writers and readers go on. Each change costs them a note meanwhile. For the exchange writers wait, and in the end readers: an
     * attempt that hasn't got its locks within half a second is given up, and one that has takes as long as the catalog does. It is
     * tried until nobody is in the way, for ten minutes. Waited for are transactions that began to look before the copy was whole,
     * also idle ones in REPEATABLE READ; and all transactions of other roles, if this role can't see their snapshots (it lacks {@code
     * pg_read_all_stats}). A transaction in REPEATABLE READ or SERIALIZABLE that waits to
     * write in that moment fails with SQLSTATE 40001. {@code TRUNCATE} of a table that is being rebuilt is refused. On a standby, a
     * transaction in REPEATABLE READ that began before the exchange may see too few rows after it.
     *
     * <p>Needs ownership of both tables and of those that foreign keys tie to them, {@code CREATE} on the database, and room for
     * another copy of a table with its indexes.
     *
     * @throws UsageCalculationException if a table can't be partitioned (it says why: a view depends on it, it has no primary key of
     *     one column, its time may be null, it would have more than 400 partitions), another call is at it, or the database refuses;
     *     the tables are whole then, and a further call goes on
     */
    public PartitionResult partition(PartitionInterval step, PartitionProgress listener) {
        Objects.requireNonNull(step, "step");
        return rebuild(
                "partitioned",
                List.of(RewriteSql.Role.EVENTS, RewriteSql.Role.DELIVERIES),
                Optional.of(step),
                listener);
    }

    /**
     * Makes both tables plain again, as {@link #partition} does the other way round. Foreign keys that triggers stood in for stand
     * again. What {@link #partition} has begun and not ended is taken back.
     *
     * @throws UsageCalculationException as {@link #partition}; and if an id stands in a table more than once
     */
    public PartitionResult unpartition(PartitionProgress listener) {
        return rebuild(
                "made plain", List.of(RewriteSql.Role.DELIVERIES, RewriteSql.Role.EVENTS), Optional.empty(), listener);
    }

    private PartitionResult rebuild(
            String done, List<RewriteSql.Role> roles, Optional<PartitionInterval> target, PartitionProgress listener) {
        Objects.requireNonNull(listener, "listener");
        Instant now = clock.instant();
        return alone(done, () -> {
            LockRetrier locks = new LockRetrier(dataSource, pace);
            long copied = 0;
            long changes = 0;
            for (RewriteSql.Role role : roles) {
                TableRewrite rebuild = new TableRewrite(dataSource, sql(role), rollups, locks, options, listener);
                rebuild.into(target, now);
                copied += rebuild.copied();
                changes += rebuild.changes();
            }
            return new PartitionResult(copied, changes, locks.longest());
        });
    }

    /**
     * Creates the partitions that are missing from now on, {@linkplain Builder#ahead some beyond now}. Idempotent. Locks each table
     * for a moment, and looks through its default partition meanwhile.
     *
     * @return which it created, and which it couldn't, since the default partition has rows of their time
     * @throws UsageCalculationException if another call is at it, a rebuild was ended half way, or the database refuses
     */
    public CreateAheadResult createAhead() {
        Instant now = clock.instant();
        return alone("created", () -> {
            LockRetrier locks = new LockRetrier(dataSource, pace);
            List<String> created = new ArrayList<>();
            List<String> occupied = new ArrayList<>();
            for (RewriteSql.Role role : RewriteSql.Role.values()) {
                RewriteSql sql = sql(role);
                Optional<PartitionInterval> step = settled(sql);
                if (step.isPresent()) {
                    Instant begin = step.get().floor(now);
                    for (int i = 0; i <= options.ahead(); i++) {
                        Instant lower = begin;
                        locks.run(connection -> {
                            PartitionCatalog.read(connection, sql)
                                    .createIfMissing(connection, step.get(), lower)
                                    .ifPresent(made -> (made.occupied() ? occupied : created).add(made.name()));
                            rollups.guardPartitions(connection);
                            return sql;
                        });
                        begin = step.get().next(begin);
                    }
                }
            }
            return new CreateAheadResult(created, occupied);
        });
    }

    /**
     * Deletes old rows as {@link PostgresRollups#deleteBefore} does, which keeps what they counted, and drops the partitions that lie
     * wholly before and have no rows then. Without roll-ups nothing is deleted or dropped: figures would fall.
     *
     * @param before at least a day ago by the clock of the roll-ups
     * @throws IllegalArgumentException if {@code before} is later than a day ago
     * @throws UsageCalculationException as {@link PostgresRollups#deleteBefore} and {@link #createAhead}
     */
    public PartitionExpiryResult dropExpired(Instant before, RetentionProgress listener) {
        RetentionResult retention = rollups.deleteBefore(before, listener);
        return alone("dropped", () -> {
            LockRetrier locks = new LockRetrier(dataSource, pace);
            List<String> dropped = new ArrayList<>();
            List<String> kept = new ArrayList<>();
            for (RewriteSql.Role role : List.of(RewriteSql.Role.DELIVERIES, RewriteSql.Role.EVENTS)) {
                RewriteSql sql = sql(role);
                if (settled(sql).isEmpty()) {
                    continue;
                }
                PartitionCatalog partitions = read(connection -> PartitionCatalog.read(connection, sql));
                List<PartitionCatalog.Range> expired = partitions.before(before);
                if (!expired.isEmpty()) {
                    awaitReaders(sql, locks);
                }
                for (PartitionCatalog.Range range : expired) {
                    boolean gone = locks.run(connection -> PartitionCatalog.dropIfEmpty(connection, sql, range));
                    (gone ? dropped : kept).add(range.name());
                }
            }
            return new PartitionExpiryResult(retention, dropped, kept);
        });
    }

    /** Whose snapshot still has the rows that were deleted would look for them in a partition that is gone. */
    private void awaitReaders(RewriteSql sql, LockRetrier locks) throws SQLException {
        String transaction = Jdbc.run(dataSource, Jdbc.Mode.WRITE, TIMEOUT, CutOver::ownTransaction);
        TableRewrite.awaitSnapshots(dataSource, sql, locks, new PartitionProgress() {}, transaction);
    }

    /**
     * Which shape the tables have, and how far a rebuild is.
     *
     * @throws UsageCalculationException if the database refuses, or the mapping is wrong
     */
    public PartitionStatus status() {
        try {
            return read(connection -> {
                TableShape.read(connection, mapping);
                return new PartitionStatus(
                        status(connection, RewriteSql.Role.EVENTS), status(connection, RewriteSql.Role.DELIVERIES));
            });
        } catch (SQLException e) {
            throw failed("looked up", e);
        }
    }

    private PartitionStatus.Table status(Connection connection, RewriteSql.Role role) throws SQLException {
        RewriteSql sql = sql(role);
        Optional<RewriteState> state = RewriteState.read(connection, sql);
        return new PartitionStatus.Table(
                state.flatMap(RewriteState::step),
                PartitionCatalog.read(connection, sql).status(),
                state.filter(RewriteState::isUnderWay)
                        .map(rebuild -> new PartitionStatus.Rebuild(
                                rebuild.targetStep(), rebuild.phase(), rebuild.copied(), rebuild.total())));
    }

    /** By what a table is partitioned; empty if it is plain. */
    private Optional<PartitionInterval> settled(RewriteSql sql) throws SQLException {
        Optional<RewriteState> state = read(connection -> RewriteState.read(connection, sql));
        if (state.filter(RewriteState::isUnderWay).isPresent()) {
            throw new UsageCalculationException(
                    "a rebuild of " + sql.table() + " was ended half way; let it be finished or taken back first",
                    null);
        }
        return state.flatMap(RewriteState::step);
    }

    private <T> T read(Jdbc.Work<T> work) throws SQLException {
        return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, TIMEOUT, work);
    }

    private RewriteSql sql(RewriteSql.Role role) {
        RewriteSql sql = new RewriteSql(mapping, role, schema);
        options.mutation().accept(sql);
        return sql;
    }

    private interface Work<T> {
        T run() throws SQLException;
    }

    /** Holds a lock meanwhile, on a connection of its own; if that is lost, no step of two runs at once all the same. */
    private <T> T alone(String done, Work<T> work) {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(true);
            if (!ask(connection, LOCK)) {
                connection.setAutoCommit(autoCommit);
                throw new UsageCalculationException(
                        "somebody else changes the partitions of the tables in the schema "
                                + Identifiers.quote(mapping.schema()),
                        null);
            }
            try {
                return work.run();
            } finally {
                release(connection, autoCommit);
            }
        } catch (SQLException e) {
            throw failed(done, e);
        }
    }

    private void release(Connection connection, boolean autoCommit) {
        try {
            ask(connection, UNLOCK);
            connection.setAutoCommit(autoCommit);
        } catch (SQLException e) {
            LOG.warn("the session that held the lock of {} is gone, and the lock with it: {}", schema, e.getMessage());
        }
    }

    private boolean ask(Connection connection, SqlTemplate question) throws SQLException {
        try (PreparedStatement statement = question.prepare(connection, Map.of("schema", Identifiers.quote(schema)));
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getBoolean("answer");
        }
    }

    private UsageCalculationException failed(String done, SQLException e) {
        return new UsageCalculationException(
                "the partitions of the tables in the schema " + Identifiers.quote(mapping.schema()) + " can't be "
                        + done + ": " + e.getMessage(),
                e);
    }

    /**
     * Describes partitions. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private Optional<PostgresRollups> rollups = Optional.empty();
        private InstantSource clock = InstantSource.system();
        private int ahead = 3;
        private RewriteOptions options = RewriteOptions.DEFAULT;
        private LockRetrier.Pace pace = LockRetrier.Pace.DEFAULT;

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** The tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /** Their roll-ups, which may not be installed; by default those in the schema that they are in by default. */
        public Builder rollups(PostgresRollups rollups) {
            this.rollups = Optional.of(rollups);
            return this;
        }

        /** Says when now is; the system's clock by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** How many partitions there are to be beyond that of now; 3 by default. */
        public Builder ahead(int partitions) {
            this.ahead = partitions;
            return this;
        }

        /** For tests. */
        Builder options(RewriteOptions options) {
            this.options = options;
            return this;
        }

        /** For tests. */
        Builder pace(LockRetrier.Pace pace) {
            this.pace = pace;
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if {@code ahead} isn't 1 to 366, or the mapped schema's name is too long to have
         *     {@value PostgresPartitions#SCHEMA_SUFFIX} behind it
         */
        public PostgresPartitions build() {
            if (ahead < 1 || ahead > MOST_AHEAD) {
                throw new IllegalArgumentException("ahead must be 1 to " + MOST_AHEAD + ", but was " + ahead);
            }
            String name = mapping.schema() + SCHEMA_SUFFIX;
            int bytes = name.getBytes(StandardCharsets.UTF_8).length;
            if (bytes > MAX_IDENTIFIER_BYTES) {
                throw new IllegalArgumentException("the schema of the tables with " + SCHEMA_SUFFIX
                        + " behind it must be at most " + MAX_IDENTIFIER_BYTES + " bytes, but was \"" + name + "\" ("
                        + bytes + " bytes)");
            }
            options = options.ahead(ahead);
            return new PostgresPartitions(this, name);
        }
    }
}
