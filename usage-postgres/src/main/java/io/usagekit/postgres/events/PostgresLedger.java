package io.usagekit.postgres.events;

import io.usagekit.UsageStorageException;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.events.spi.EventPager;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Objects;
import javax.sql.DataSource;

/**
 * The event ledger in PostgreSQL: the library's own tables, extended by what it takes to find, page, search and export events.
 * Figures are those of {@link PostgresUsage} and of roll-ups over {@link TableMapping#usagekit(String)}, as without a ledger.
 *
 * <p>The host owns the {@link DataSource}. Each call takes one connection for one transaction at a time, and gives it back as
 * it was. Immutable; safe for use by many threads at once.
 *
 * @since 0.1
 */
public final class PostgresLedger {

    private final Builder settings;

    private PostgresLedger(Builder settings) {
        this.settings = settings;
    }

    /** A ledger in the schema {@value TableMapping#DEFAULT_SCHEMA}. */
    public static PostgresLedger of(DataSource dataSource) {
        return builder(dataSource).build();
    }

    /** A ledger in this schema. */
    public static PostgresLedger of(DataSource dataSource, String schema) {
        return builder(dataSource).schema(schema).build();
    }

    /** Begins to build a ledger. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /** The schema of its tables. */
    public String schema() {
        return settings.schema;
    }

    /**
     * Creates the library's own tables where they are missing, and what the ledger adds to them. Idempotent. The tables are
     * extended in one transaction, by locks that are held for an instant: no column that is added rewrites a table. Indexes are
     * then built one by one without blocking writes, however large the tables are; what a failed build left invalid is built
     * anew. Needs ownership of the tables and a connection that isn't shared between transactions.
     *
     * @throws UsageStorageException if the database refuses; what was created before stays
     */
    public void install() {
        try {
            installer().install();
        } catch (SQLException e) {
            throw new UsageStorageException("the ledger can't be installed: " + e.getMessage(), e);
        }
    }

    /** What {@link #install} comes to, as a script for Flyway, Liquibase or psql; may run inside a transaction. */
    public String ddl() {
        return installer().ddl();
    }

    private LedgerInstaller installer() {
        return new LedgerInstaller(settings.dataSource, settings.schema);
    }

    /** The ledger's content. Connects to nothing yet; safe for use by many threads at once. */
    public EventRepository repository() {
        LedgerTransactions transactions = new LedgerTransactions(settings.dataSource, settings.timeout);
        LedgerSql sql = LedgerSql.in(
                settings.schema, settings.countDeletedProjects ? LedgerSql.Projects.ALL : LedgerSql.Projects.ALIVE);
        return new PostgresEventRepository(transactions, sql, settings.pager, settings.duplicates, settings.clock);
    }

    /**
     * Describes a ledger. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private static final Duration SHORTEST = Duration.ofMillis(1);
        private static final Duration LONGEST = Duration.ofDays(1);

        private final DataSource dataSource;
        private String schema = TableMapping.DEFAULT_SCHEMA;
        private Duplicates duplicates = Duplicates.BILLED;
        private boolean countDeletedProjects;
        private Duration timeout = Duration.ofSeconds(30);
        private InstantSource clock = InstantSource.system();
        private EventPager pager = EventPager.create();

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        private Builder(Builder other) {
            dataSource = other.dataSource;
            schema = other.schema;
            duplicates = other.duplicates;
            countDeletedProjects = other.countDeletedProjects;
            timeout = other.timeout;
            clock = other.clock;
            pager = other.pager;
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
            this.countDeletedProjects = count;
            return this;
        }

        /** How long a call may wait for a connection, and each of its statements may take; 30 s by default, 1 ms to 1 day. */
        public Builder timeout(Duration timeout) {
            this.timeout = Objects.requireNonNull(timeout, "timeout");
            return this;
        }

        /** Tells when events and deliveries are recorded; the system's clock by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Under what cursors are coded, so that who doesn't know it can't make one; a key that stands in the library by
         * default. A cursor gives access to nothing: this is for hosts that want to see nobody try.
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
         * @throws IllegalArgumentException if the schema's name isn't an identifier of 1 to 63 bytes, or the timeout is out of
         *     bounds
         */
        public PostgresLedger build() {
            TableMapping.usagekit(schema); // checks its name
            if (timeout.compareTo(SHORTEST) < 0 || timeout.compareTo(LONGEST) > 0) {
                throw new IllegalArgumentException(
                        "timeout must be between " + SHORTEST + " and " + LONGEST + ", but was " + timeout);
            }
            return new PostgresLedger(new Builder(this));
        }
    }
}
