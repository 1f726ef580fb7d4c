package io.usagekit.postgres.events;

import io.usagekit.UsageStorageException;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.events.spi.EventPager;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import java.util.Optional;
import javax.sql.DataSource;

/**
 * The event ledger in PostgreSQL: the library's own tables, extended by what it takes to find, page, search and export events.
 * Figures are those of {@link PostgresUsage} and of roll-ups over {@link TableMapping#usagekit(String)}, as without a ledger.
 *
 * <p>The host owns the {@link DataSource}. Each call takes one connection for one transaction at a time, and gives it back as
 * it was; a connection that is already in a transaction is refused. Immutable; safe for use by many threads at once.
 *
 * @since 0.1
 */
public final class PostgresLedger {

    private static final Duration SHORTEST_RETENTION_OF_IDS = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETENTION_OF_IDS = Duration.ofDays(3_650);

    private final Settings settings;
    private final LedgerSql sql;

    private PostgresLedger(Settings settings) {
        this.settings = settings;
        this.sql = LedgerSql.in(settings.schema(), settings.projects());
    }

    /** What the builder describes. */
    private record Settings(
            DataSource dataSource,
            String schema,
            Duplicates duplicates,
            ProjectScope projects,
            Duration timeout,
            Optional<Duration> retainedIds,
            InstantSource clock,
            EventPager pager) {}

    /** A ledger in the schema {@value TableMapping#DEFAULT_SCHEMA}. */
    public static PostgresLedger of(DataSource dataSource) {
        return builder(dataSource).build();
    }

    /** A ledger in this schema. */
    public static PostgresLedger of(DataSource dataSource, String schema) {
        return builder(dataSource).schema(schema).build();
    }

    /** Returns a builder of a ledger. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /** The schema of its tables. */
    public String schema() {
        return settings.schema();
    }

    /**
     * Creates the library's own tables where they are missing, and what the ledger adds to them. Idempotent: looks into the catalog
     * first, and runs nothing where everything exists. The tables are extended in one transaction, under locks that are held for an
     * instant: no column that is added rewrites a table. Indexes are then built one by one without blocking writes, however large the
     * tables are; an index that a failed build left invalid is built again. Other sessions and other installations wait as {@link
     * PostgresUsage#install} says. Needs ownership of the tables.
     *
     * @throws UsageStorageException as {@link PostgresUsage#install}, what was created before stays; and, before anything is created, if a column
     *     that the ledger needs is of another type, or nullable, generated or without a default value otherwise than {@link #ddl} declares it: the
     *     message names all of them, with what they are and must be
     */
    public void install() {
        try {
            installer().install();
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the ledger can't be installed", e);
        }
    }

    /**
     * What {@link #install} comes to, as a script for Flyway, Liquibase or psql; may run inside a transaction. The first statement creates
     * the schema, as in {@link PostgresUsage#ddl}.
     */
    public String ddl() {
        return installer().ddl();
    }

    private LedgerInstaller installer() {
        return new LedgerInstaller(settings.dataSource(), settings.schema(), sql, settings.retainedIds());
    }

    /** Returns the repository of the ledger's events. Connects to nothing yet; safe for use by many threads at once. */
    public EventRepository repository() {
        return repository(ownTransactions());
    }

    /**
     * Returns a repository whose calls are part of the host's own transaction on this connection, e.g. to record an event together with
     * the host's rows, or neither. It never commits, never rolls the transaction back, and changes no setting of the connection: the
     * host ends the transaction, which decides whether anything has been recorded, and its own timeouts apply instead of {@link
     * Builder#timeout}.
     *
     * <p>Each call sets a savepoint. A call that fails is rolled back to it: the transaction is then as it was before the call, and can
     * be continued or rolled back. Deletions and tokenising, which work in batches, do all of them in this transaction. Locks are held
     * until it ends, among them those of idempotency keys, for which other sessions that record with the same keys wait.
     *
     * <p>Recording events that have idempotency keys and deleting for good need READ COMMITTED, exporting needs REPEATABLE READ or
     * SERIALIZABLE; in a transaction of another isolation they fail, and the message says which one they need. In READ COMMITTED a
     * page may miss that a row before or after it was recorded meanwhile.
     *
     * <p>Needs the ledger's tables in the database of the connection, which needn't come from this ledger's {@link DataSource}. Like
     * the connection it is for one thread at a time, and ends with the transaction.
     *
     * @param connection with auto-commit off; with Spring that of {@code DataSourceUtils.getConnection} or of {@code
     *     JdbcTemplate.execute}
     */
    public EventRepository repository(Connection connection) {
        return repository(new HostTransaction(Objects.requireNonNull(connection, "connection")));
    }

    /** Returns the repository of the ledger's deliveries. Connects to nothing yet; safe for use by many threads at once. */
    public DeliveryRepository deliveries() {
        return deliveries(ownTransactions());
    }

    /** Returns a repository of deliveries whose calls are part of the host's own transaction, as {@link #repository(Connection)} does. */
    public DeliveryRepository deliveries(Connection connection) {
        return deliveries(new HostTransaction(Objects.requireNonNull(connection, "connection")));
    }

    private DeliveryRepository deliveries(LedgerTransactions transactions) {
        return new PostgresDeliveryRepository(transactions, sql, settings.pager(), clock());
    }

    private LedgerTransactions ownTransactions() {
        return new OwnTransactions(new Jdbc(settings.dataSource()), settings.timeout());
    }

    private EventRepository repository(LedgerTransactions transactions) {
        return new PostgresEventRepository(transactions, sql, settings.pager(), settings.duplicates(), clock());
    }

    /** The clock as far as PostgreSQL stores instants. */
    private InstantSource clock() {
        return () -> settings.clock().instant().truncatedTo(ChronoUnit.MICROS);
    }

    /**
     * Builds a ledger. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private String schema = TableMapping.DEFAULT_SCHEMA;
        private Duplicates duplicates = Duplicates.BILLED;
        private ProjectScope projects = ProjectScope.ALIVE;
        private Duration timeout = Duration.ofSeconds(30);
        private Optional<Duration> retainedIds = Optional.empty();
        private InstantSource clock = InstantSource.system();
        private EventPager pager = EventPager.create();

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** The schema of the tables; {@value TableMapping#DEFAULT_SCHEMA} by default. */
        public Builder schema(String schema) {
            this.schema = schema;
            return this;
        }

        /** What becomes of events that repeat an idempotency key; {@link Duplicates#BILLED} by default. */
        public Builder duplicates(Duplicates duplicates) {
            this.duplicates = Objects.requireNonNull(duplicates, "duplicates");
            return this;
        }

        /**
         * Whether what figures are made of includes soft-deleted projects: as the figures are computed, see
         * {@link PostgresUsage.Builder#countDeletedProjects}.
         */
        public Builder countDeletedProjects(boolean count) {
            this.projects = count ? ProjectScope.ALL : ProjectScope.ALIVE;
            return this;
        }

        /** How long a call may wait for a connection, and each of its statements may take; 30 s by default, 1 ms to 1 day. */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /**
         * For how long the ids of events and deliveries are retained that retention deletes, from their deletion on, with a digest of the
         * idempotency keys of those that others repeat. As long as they are, events that are sent again are known: their ids are taken, {@link
         * EventRepository#recordNew} returns them as recorded already, and events with their keys are duplicates. Whatever else deletes rows
         * retains nothing.
         *
         * <p>{@link #install} sets it in the database, for all processes; without this setting it leaves it as it is, which is not to retain
         * them.
         *
         * @param duration 1 s to 3,650 days; zero: not any more, and those that are retained are deleted
         */
        public Builder retainIds(Duration duration) {
            this.retainedIds = Optional.of(duration);
            return this;
        }

        /** The time at which events and deliveries are recorded; the system's clock by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * The secret that signs cursors, so that only this host's processes can make one; by default a key that is part of the
         * library. A cursor grants access to nothing: this is for hosts that want to reject forged ones.
         *
         * @param secret the same in all processes that share cursors; at least one octet
         */
        public Builder cursorSecret(byte[] secret) {
            this.pager = EventPager.withSecret(secret);
            return this;
        }

        /**
         * Checks and builds; connects to nothing yet.
         *
         * @throws IllegalArgumentException if the schema's name isn't an identifier of 1 to 63 bytes, or a duration is out of
         *     bounds
         */
        public PostgresLedger build() {
            TableMapping.usagekit(schema); // checks its name
            SqlErrors.checkTimeout(timeout);
            retainedIds.ifPresent(Builder::checkRetainedIds);
            return new PostgresLedger(
                    new Settings(dataSource, schema, duplicates, projects, timeout, retainedIds, clock, pager));
        }

        private static void checkRetainedIds(Duration duration) {
            boolean isInBounds = duration.compareTo(SHORTEST_RETENTION_OF_IDS) >= 0
                    && duration.compareTo(LONGEST_RETENTION_OF_IDS) <= 0;
            if (!isInBounds && !duration.isZero()) {
                throw new IllegalArgumentException("retainIds must be zero or between " + SHORTEST_RETENTION_OF_IDS
                        + " and " + LONGEST_RETENTION_OF_IDS + ", but was " + duration);
            }
        }
    }
}
