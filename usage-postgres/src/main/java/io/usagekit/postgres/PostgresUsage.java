package io.usagekit.postgres;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQueryCalculator;
import io.usagekit.postgres.internal.Discovery;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SchemaInstaller;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;
import javax.sql.DataSource;

/**
 * Usage figures from PostgreSQL: calculators by the combined query, the tables and indexes that it reads, and a cache that processes share.
 *
 * <p>The host owns the {@link DataSource} and its timeouts: a pool that hands out connections within a second or so, and a
 * driver with a {@code connectTimeout}, keep a dead database from holding threads. Each computation takes one connection for
 * one read-only transaction, gives it back as it was, and sets what it needs (a statement timeout among it) for that
 * transaction only.
 *
 * @since 0.1
 */
public final class PostgresUsage {

    private PostgresUsage() {}

    /** A calculator over the library's own tables in the schema {@value TableMapping#DEFAULT_SCHEMA}. */
    public static UsageCalculator calculator(DataSource dataSource) {
        return builder(dataSource).build();
    }

    /** A calculator over these tables. */
    public static UsageCalculator calculator(DataSource dataSource, TableMapping mapping) {
        return builder(dataSource).mapping(mapping).build();
    }

    /** Returns a builder of a calculator. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    /**
     * A cache that processes share, without Redis, in the table that {@link PostgresCache#install} creates.
     *
     * @param executor runs statements, as {@link PostgresCache#builder} says
     */
    public static UsageCache cache(DataSource dataSource, Executor executor) {
        return PostgresCache.of(dataSource, executor).cache();
    }

    /**
     * A store over the same table for {@link io.usagekit.SingleFlights#fleetWide}, so that one process of a fleet computes a figure for all;
     * loads that wait for it poll. {@link PostgresCache.Builder#listenOn} has them woken.
     *
     * @param executor runs statements, as {@link PostgresCache#builder} says
     */
    public static FlightStore flightStore(DataSource dataSource, Executor executor) {
        return PostgresCache.of(dataSource, executor).flightStore();
    }

    /**
     * Finds out, as {@link #discover(DataSource, String)} does, which mapping fits the tables of the only schema with tables of the
     * names of {@link TableMapping#gateway()}.
     *
     * @throws UsageStorageException if no schema or several ones have such tables, or as there
     */
    public static TableMapping discover(DataSource dataSource) {
        return Discovery.of(dataSource);
    }

    /**
     * Finds out which of the shipped mappings fits the tables of a schema: {@link TableMapping#usagekit(String)} where sizes are stored
     * as the library's own tables do, {@link TableMapping#gateway(String)} otherwise, with the stored sizes that these tables have:
     * {@code raw_bytes} and {@code data_bytes} of events and {@code event_bytes} of deliveries.
     *
     * @throws UsageStorageException if the schema, its tables or their columns aren't those of either, or the database
     *     can't be reached
     */
    public static TableMapping discover(DataSource dataSource, String schema) {
        return Discovery.of(dataSource, schema);
    }

    /**
     * Creates the library's own tables and their indexes in a schema, and the schema if it is missing. Idempotent: looks into the
     * catalog first, and runs nothing where everything exists. Tables are created in one transaction; indexes of tables that existed
     * are built as by {@link #installIndexes}.
     *
     * <p>Several processes may install at once: one advisory lock lets them install into a schema one after the other. It is held by the
     * session of the one connection that this takes or, behind a pooler in transaction mode, by a transaction on a second one. Statements of the host wait at most half a second at a time for an attempt to lock its tables, which is repeated
     * for two minutes.
     *
     * @throws UsageStorageException if the schema is missing and this role can't create it, other sessions hold locks on the tables for
     *     longer than two minutes, or the database refuses; no table has been created then
     */
    public static void install(DataSource dataSource, String schema) {
        new SchemaInstaller(dataSource).createTables(TableMapping.usagekit(schema));
    }

    /**
     * What {@link #install} creates, as a script for Flyway, Liquibase or psql; may run inside a transaction. The first statement creates the
     * schema: leave it out where the schema exists and the role lacks {@code CREATE} on the database, which PostgreSQL checks first.
     */
    public static String ddl(String schema) {
        return IndexDdl.tables(TableMapping.usagekit(schema));
    }

    /**
     * Creates the indexes that the combined query needs on a host's tables, where they are missing, without blocking writes
     * ({@code CREATE INDEX CONCURRENTLY}; on partitioned tables partition by partition). Idempotent; an index that a failed
     * build left invalid is dropped and built again. An index of the host's own that serves as well is enough, as {@link #indexes}
     * says. May take as long as it takes to read the tables twice. Needs ownership of the tables;
     * behind a pooler in transaction mode also a role without {@code lock_timeout}, {@code statement_timeout} and {@code
     * transaction_timeout}, which can't be lifted there. Attaching the index of a partition locks that partition, and creating the parent's index locks the parent against writers, as
     * {@link #install} locks tables.
     *
     * @throws UsageStorageException if the database refuses; indexes built before stay
     */
    public static void installIndexes(DataSource dataSource, TableMapping mapping) {
        new SchemaInstaller(dataSource).createIndexes(mapping);
    }

    /**
     * Reads which of the indexes of {@link #installIndexes} exist. An index counts whatever its name if it is a valid B-tree that begins with
     * the same columns, ascending or descending, holds all columns that figures read from it, and has the same condition; in place of the
     * index on deliveries one without a condition counts that holds their status as well. On a partitioned table the index must be
     * that of the parent, or each partition must have one. The first computation of a calculator logs what is missing.
     *
     * @return the indexes in the order in which they are built
     * @throws UsageStorageException if the mapping doesn't fit the tables, or the database can't be reached
     */
    public static List<IndexStatus> indexes(DataSource dataSource, TableMapping mapping) {
        return new SchemaInstaller(dataSource).indexes(mapping);
    }

    /**
     * The statements of {@link #installIndexes} for these tables as they are now, partition by partition, as a script to run outside a
     * transaction. May be run again. A comment stands for an index in whose place one of the host's own serves.
     *
     * @throws UsageStorageException as {@link #indexes}
     */
    public static String concurrentIndexDdl(DataSource dataSource, TableMapping mapping) {
        return new SchemaInstaller(dataSource).indexScript(mapping);
    }

    /**
     * The indexes of {@link #installIndexes}, as a script to run outside a transaction; for tables without partitions. Connects to
     * nothing: where sizes may be stored, {@link #discover} finds out the mapping first.
     */
    public static String concurrentIndexDdl(TableMapping mapping) {
        return IndexDdl.indexes(mapping, IndexDdl.Build.CONCURRENTLY);
    }

    /**
     * The indexes of {@link #installIndexes}, as a script that may run inside a transaction; it blocks writes to a table while it builds
     * its index. Connects to nothing, as {@link #concurrentIndexDdl}.
     */
    public static String indexDdl(TableMapping mapping) {
        return IndexDdl.indexes(mapping, IndexDdl.Build.BLOCKING);
    }

    /**
     * Builds a calculator. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final DataSource dataSource;
        private TableMapping mapping = TableMapping.usagekit();
        private ProjectScope projects = ProjectScope.ALIVE;
        private InstantSource clock = InstantSource.system();

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** The tables; {@link TableMapping#usagekit()} by default. */
        public Builder mapping(TableMapping mapping) {
            this.mapping = Objects.requireNonNull(mapping, "mapping");
            return this;
        }

        /**
         * Whether projects that are soft-deleted count; false by default. By default, deleting a project in mid-month takes
         * its usage of that month out of its organisation's figure.
         */
        public Builder countDeletedProjects(boolean count) {
            this.projects = count ? ProjectScope.ALL : ProjectScope.ALIVE;
            return this;
        }

        /** The clock of {@link io.usagekit.OrganisationUsage#createdAt()}; the system's clock by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Builds a calculator; connects to nothing yet. The calculator is safe for use by many threads at once. */
        public UsageCalculator build() {
            return new CombinedQueryCalculator(
                    new CombinedQueryCalculator.Settings(dataSource, mapping, projects, clock));
        }
    }
}
