package io.usagekit.clickhouse;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.UsageReports;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/**
 * Usage on a ClickHouse cluster, which is fed from the roll-ups on PostgreSQL: the tables, what the feed ships to, and figures that are computed
 * with what has been shipped.
 *
 * <p>The host owns the {@link DataSource}, whose connections lead to any server of the cluster, and brings the driver. Timeouts bound statements, not
 * how long the data source takes to connect: a pool's {@code connectionTimeout} and the URL's {@code socket_timeout} do, where the driver's own data
 * source would wait for ever for a server that accepts a connection and doesn't answer. Immutable and thread-safe.
 *
 * @since 0.1
 */
public final class ClickHouseUsage {

    /** The database of the tables, unless another one is named. */
    public static final String DEFAULT_DATABASE = "usagekit";

    /** The cluster, unless another one is named. */
    public static final String DEFAULT_CLUSTER = "default";

    /** How long a statement of the feed or the installation may take, unless a limit is given. */
    public static final Duration DEFAULT_TIMEOUT = Duration.ofMinutes(1);

    private static final Duration SHORTEST_TIMEOUT = Duration.ofSeconds(1);
    private static final Duration LONGEST_TIMEOUT = Duration.ofDays(1);
    private static final Duration SHORTEST_LAG = Duration.ofSeconds(1);
    private static final Duration LONGEST_LAG = Duration.ofDays(366);

    private final ClickHouseJdbc jdbc;
    private final SqlFile schema;
    private final SqlFile statements;
    private final String database;
    private final String cluster;
    private final Duration timeout;
    private final InstantSource clock;

    private ClickHouseUsage(Builder builder) {
        this.jdbc = new ClickHouseJdbc(builder.dataSource);
        this.database = builder.database;
        this.cluster = builder.cluster;
        this.timeout = builder.timeout;
        this.clock = builder.clock;
        Map<String, String> names = Map.of(
                "database", identifier(database),
                "cluster", identifier(cluster),
                "cluster_name", literal(cluster),
                "on_cluster", builder.onCluster ? " on cluster " + identifier(cluster) : "",
                "engine", builder.engine);
        this.schema = SqlFile.of(names, "schema.sql");
        this.statements = SqlFile.of(names, "read.sql", "history.sql", "ship.sql", "prune.sql");
    }

    /** Returns a builder; all that it needs has a default but the data source. */
    public static Builder builder(DataSource dataSource) {
        return new Builder(dataSource);
    }

    private static String identifier(String name) {
        return '`' + name.replace("\\", "\\\\").replace("`", "\\`") + '`';
    }

    static String literal(String text) {
        return '\'' + text.replace("\\", "\\\\").replace("'", "\\'") + '\'';
    }

    /** Returns the database that holds the tables. */
    public String database() {
        return database;
    }

    /**
     * Creates the database and the tables, as {@link #ddl} prints them, on the server that the data source leads to; with
     * {@link Builder#onCluster} on all servers of the cluster, and otherwise each of them needs a call with a data source of its own. Idempotent.
     *
     * @throws UsageStorageException if the server refuses
     */
    public void install() {
        try {
            jdbc.execute(schema.names().stream().map(schema::statement).toList(), timeout);
        } catch (SQLException e) {
            throw ClickHouseErrors.storageFailure("the tables of " + database + " can't be created on ClickHouse", e);
        }
    }

    /** Returns the statements that {@link #install} runs, with comments, for hosts that create tables by other means. */
    public String ddl() {
        return schema.names().stream().map(schema::commented).collect(Collectors.joining("\n\n", "", "\n"));
    }

    /**
     * Removes cells that a newer version has replaced, and older watermarks: of the server that the data source leads to, or with {@link
     * Builder#onCluster} of all servers. Meant to run rarely, such as once a day; reads the rows of all months, and rewrites those of some. A figure that is
     * being computed from an older version than is kept is computed again.
     *
     * @param keep how old a state readers may still ask for; 1 min to 30 days
     * @param maxMonths of how many months at most, those with the most such cells; 1 to 1,000
     * @return of how many months cells were removed: those of which they are at least a fifth
     * @throws UsageStorageException if the server refuses, or takes longer than {@link Builder#timeout} for a month; it goes on with that one
     */
    public int removeSuperseded(Duration keep, int maxMonths) {
        return new SupersededCells(jdbc, statements, timeout).remove(keep, maxMonths);
    }

    /** Returns what {@link RollupFeed#ship} ships to. */
    public CellStore store() {
        return new ClickHouseCellStore(jdbc, statements, timeout, cluster);
    }

    /** Returns what {@link RollupFeed#calculator} and {@link RollupFeed#verify} read. */
    public CellReader reader() {
        return ClickHouseCellReader.of(jdbc, statements);
    }

    /** Returns the statements of the feed and of readers. */
    SqlFile statements() {
        return statements;
    }

    /**
     * Returns a calculator whose figures equal those of the roll-ups, with the sums of whole days from ClickHouse: {@link RollupFeed#calculator}.
     */
    public UsageCalculator calculator(RollupFeed feed) {
        return calculator(feed, new CellReadListener() {});
    }

    /** Returns the same calculator, which notifies a listener of how figures are computed. */
    public UsageCalculator calculator(RollupFeed feed, CellReadListener listener) {
        return feed.calculator(reader(), listener);
    }

    /**
     * Returns reports that equal those of the roll-ups, with the sums of whole days from ClickHouse: {@link RollupFeed#reports}.
     */
    public UsageReports reports(RollupFeed feed) {
        return reports(feed, new CellReadListener() {});
    }

    /** Returns the same reports, which notify a listener of how those of one organisation are computed. */
    public UsageReports reports(RollupFeed feed, CellReadListener listener) {
        return feed.reports(reader(), listener);
    }

    /**
     * Returns a reader of the newest state that all shards have, for hosts whose PostgreSQL isn't to be asked.
     *
     * @param maxLag how old that state may be, by this process's clock and that of the feed; 1 s to 366 days
     */
    public ClickHouseHistory history(Duration maxLag) {
        return history(maxLag, new HistoryListener() {});
    }

    /** Returns the same reader, which notifies a listener of what is computed and refused. */
    public ClickHouseHistory history(Duration maxLag, HistoryListener listener) {
        if (maxLag.compareTo(SHORTEST_LAG) < 0 || maxLag.compareTo(LONGEST_LAG) > 0) {
            throw new IllegalArgumentException(
                    "maxLag must be between " + SHORTEST_LAG + " and " + LONGEST_LAG + ", but was " + maxLag);
        }
        return new ClickHouseHistory(jdbc, statements, maxLag, clock, Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Builder of {@link ClickHouseUsage}. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {

        private static final Pattern ENGINE = Pattern.compile("(Replicated)?MergeTree(\\([^;]*\\))?");

        private final DataSource dataSource;
        private String database = DEFAULT_DATABASE;
        private String cluster = DEFAULT_CLUSTER;
        private String engine = "MergeTree";
        private boolean onCluster;
        private Duration timeout = DEFAULT_TIMEOUT;
        private InstantSource clock = InstantSource.system();

        private Builder(DataSource dataSource) {
            this.dataSource = Objects.requireNonNull(dataSource, "dataSource");
        }

        /** Sets the database that holds the tables and nothing else; {@value ClickHouseUsage#DEFAULT_DATABASE} by default. */
        public Builder database(String database) {
            this.database = named("database", database);
            return this;
        }

        /** Sets the cluster, as {@code system.clusters} names it; {@value ClickHouseUsage#DEFAULT_CLUSTER} by default. */
        public Builder cluster(String cluster) {
            this.cluster = named("cluster", cluster);
            return this;
        }

        private static String named(String knob, String name) {
            if (name.isBlank()) {
                throw new IllegalArgumentException(knob + " must not be blank");
            }
            return name;
        }

        /**
         * Sets the engine of the tables with its arguments, {@code MergeTree} by default: for tables with replicas for example {@code
         * ReplicatedMergeTree('/clickhouse/tables/{shard}/usagekit/{table}', '{replica}')}.
         *
         * @throws IllegalArgumentException if it is neither {@code MergeTree} nor {@code ReplicatedMergeTree}
         */
        public Builder engine(String engine) {
            if (!ENGINE.matcher(engine).matches()) {
                throw new IllegalArgumentException(
                        "engine must be MergeTree or ReplicatedMergeTree with its arguments, but was " + engine);
            }
            this.engine = engine;
            return this;
        }

        /** Has each statement of the installation run on all servers of the cluster ({@code ON CLUSTER}), which needs a keeper. */
        public Builder onCluster() {
            this.onCluster = true;
            return this;
        }

        /**
         * Sets how long a statement of the feed or the installation may take: 1 s to 1 day, {@link ClickHouseUsage#DEFAULT_TIMEOUT} by default.
         * Reads have the timeout of their figure.
         *
         * @throws IllegalArgumentException if it is out of these bounds
         */
        public Builder timeout(Duration timeout) {
            if (timeout.compareTo(SHORTEST_TIMEOUT) < 0 || timeout.compareTo(LONGEST_TIMEOUT) > 0) {
                throw new IllegalArgumentException("timeout must be between " + SHORTEST_TIMEOUT + " and "
                        + LONGEST_TIMEOUT + ", but was " + timeout);
            }
            this.timeout = timeout;
            return this;
        }

        /** Sets the clock by which {@link ClickHouseUsage#history} computes how old a state is; the system's by default. */
        public Builder clock(InstantSource clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /** Builds it; connects to nothing yet. */
        public ClickHouseUsage build() {
            return new ClickHouseUsage(this);
        }
    }
}
