package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import io.usagekit.postgres.testing.Traffic;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Installs while a reader and a writer keep their transactions open and the host writes. The host's statements wait for an attempt of an
 * installation, for half a second as documented; the bound has room for a loaded machine. Prints the longest wait of each.
 */
class InstallTrafficIT {

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");

    /** How long the transactions of the reader and the writer stay open. */
    private static final Duration HELD = Duration.ofSeconds(THOROUGH ? 15 : 3);

    private static final Duration BOUND = Duration.ofSeconds(2);

    /** A machine that stalls makes a wait long now and then; a statement that waits for the transactions does each time. */
    private static final int ATTEMPTS = 5;

    @SuppressWarnings("ImmutableEnumChecker") // what they do has no state
    private enum Install {
        TABLES(
                test -> {
                    PostgresUsage.install(Database.pool(), test.schema);
                    test.run("drop table {s}.event_deliveries", "drop index {s}.projects_organisation_id_idx");
                },
                test -> PostgresUsage.install(test.onlyConnection, test.schema)),
        INDEXES_OF_PARTITIONED_TABLES(
                test -> test.run(
                        "create schema {s}",
                        "create table {s}.projects (id text, organisation_id text, deleted_at timestamptz)",
                        "create table {s}.events (id text, project_id text, raw text, data bytea,"
                                + " created_at timestamptz, deleted_at timestamptz) partition by range (created_at)",
                        "create table {s}.events_1 partition of {s}.events default",
                        "create table {s}.event_deliveries (id text, project_id text, event_id text, status text,"
                                + " created_at timestamptz)"),
                test -> PostgresUsage.installIndexes(test.onlyConnection, TableMapping.gateway(test.schema))),
        LEDGER(
                test -> PostgresUsage.install(Database.pool(), test.schema),
                test -> PostgresLedger.of(test.onlyConnection, test.schema).install()),
        ROLLUPS(
                test -> PostgresUsage.install(Database.pool(), test.schema),
                test -> test.rollups().install()),
        ROLLUPS_THAT_ARE_REPLACED(
                test -> {
                    PostgresUsage.install(Database.pool(), test.schema);
                    test.rollups().install();
                    test.run("update {r}.state set version = 0");
                },
                test -> test.rollups().install()),
        ROLLUPS_THAT_ARE_REMOVED(
                test -> {
                    PostgresUsage.install(Database.pool(), test.schema);
                    test.rollups().install();
                },
                test -> test.rollups().remove()),
        PARTITIONS_AHEAD(
                test -> {
                    PostgresUsage.install(Database.pool(), test.schema);
                    test.partitions(Instant.now()).partition(PartitionInterval.DAY, PartitionProgress.NONE);
                },
                test -> test.partitions(Instant.now().plus(2, ChronoUnit.DAYS)).createAhead());

        private final Consumer<InstallTrafficIT> prepare;
        private final Consumer<InstallTrafficIT> install;

        Install(Consumer<InstallTrafficIT> prepare, Consumer<InstallTrafficIT> install) {
            this.prepare = prepare;
            this.install = install;
        }
    }

    private String schema;
    private HikariDataSource onlyConnection;
    private ExecutorService thread = Executors.newSingleThreadExecutor();

    @BeforeEach
    void begin() {
        thread = Executors.newSingleThreadExecutor();
        schema = Database.newSchema("traffic");
        onlyConnection = Database.newPool(1);
    }

    @AfterEach
    void end() {
        thread.shutdownNow();
        onlyConnection.close();
        Database.dropSchema(schema + "_partitions");
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
    }

    private PostgresRollups rollups() {
        return PostgresRollups.of(onlyConnection, TableMapping.usagekit(schema));
    }

    private PostgresPartitions partitions(Instant now) {
        return PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(() -> now)
                .build();
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement
                    .replace("{s}", Identifiers.quote(schema))
                    .replace("{r}", Identifiers.quote(schema + "_rollups")));
        }
    }

    /** Transactions of other sessions that have read and written, and stay open. */
    private final class OpenTransactions implements AutoCloseable {
        private final Connection reader = Database.pool().getConnection();
        private final Connection writer = Database.pool().getConnection();

        OpenTransactions() throws SQLException {
            reader.setAutoCommit(false);
            writer.setAutoCommit(false);
            try (Statement reading = reader.createStatement();
                    Statement writing = writer.createStatement()) {
                reading.execute("select count(*) from " + schema + ".events, " + schema + ".projects");
                writing.execute("insert into " + schema + ".projects (id, organisation_id) values ('open', 'o')");
                writing.execute("insert into " + schema
                        + ".events (id, project_id, created_at) values ('open', 'open', now())");
            }
        }

        @Override
        public void close() throws SQLException {
            for (Connection connection : new Connection[] {reader, writer}) {
                connection.rollback();
                connection.setAutoCommit(true);
                connection.close();
            }
        }
    }

    static Stream<Install> installs() {
        return Sample.of(List.of(Install.values()), 1);
    }

    @ParameterizedTest
    @MethodSource("installs")
    void boundsTheWaitOfTheHostsStatements(Install install) throws Exception {
        Duration longest = longestWaits(install);
        for (int attempts = 1; attempts < ATTEMPTS && longest.compareTo(BOUND) >= 0; attempts++) {
            end();
            begin();
            longest = longestWaits(install);
        }
        assertThat(longest).as("the longest wait of the host's statements").isLessThan(BOUND);
    }

    /** Returns the longest wait while it is installed for the first time, and for the second. */
    private Duration longestWaits(Install install) throws Exception {
        install.prepare.accept(this);
        Duration first = longestWaitWhile(() -> install.install.accept(this));
        try (Traffic traffic = Traffic.on(Database.pool(), schema);
                OpenTransactions open = new OpenTransactions()) {
            thread.submit(() -> install.install.accept(this)).get(30, TimeUnit.SECONDS);
            Duration second = traffic.end();
            System.out.println(install + " again: the host's statements waited " + second.toMillis() + " ms at most");
            assertThat(open.reader.isClosed())
                    .as("it waited for no transaction")
                    .isFalse();
            return first.compareTo(second) > 0 ? first : second;
        }
    }

    private Duration longestWaitWhile(Runnable installation) throws Exception {
        Duration longest;
        try (Traffic traffic = Traffic.on(Database.pool(), schema)) {
            Future<?> installing;
            try (OpenTransactions open = new OpenTransactions()) {
                assertThat(open.writer.getAutoCommit()).isFalse();
                installing = thread.submit(installation);
                assertThatThrownBy(() -> installing.get(HELD.toMillis(), TimeUnit.MILLISECONDS))
                        .as("the installation needs a lock that open transactions hold")
                        .isInstanceOf(TimeoutException.class);
            }
            installing.get(1, TimeUnit.MINUTES);
            longest = traffic.end();
        }
        System.out.println("behind transactions that were open for " + HELD.toMillis()
                + " ms the host's statements waited " + longest.toMillis() + " ms at most");
        return longest;
    }

    /** Negative control. */
    @Test
    void detectsAStatementWithoutLockTimeout() throws Exception {
        Install.LEDGER.prepare.accept(this);
        Duration longest = longestWaitWhile(() -> run("alter table {s}.events add column if not exists status text"));
        assertThat(longest).isGreaterThan(HELD.minusSeconds(1)).isGreaterThan(BOUND);
    }
}
