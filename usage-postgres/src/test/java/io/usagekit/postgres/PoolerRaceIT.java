package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Operations;
import io.usagekit.postgres.testing.PoolerTraffic;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.PgBouncer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation through PgBouncer in transaction mode, while other clients use the same connections of the server: right, or refused in
 * words; nothing is left on these connections. With one default isolation, or with each one with {@code -Dusagekit.thorough=true}.
 */
@Tag("thorough")
class PoolerRaceIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int SERVER_CONNECTIONS = 4;

    private static @Nullable EmbeddedPostgresServer server;
    private static @Nullable PgBouncer bouncer;

    @BeforeAll
    static void start() {
        assumeTrue(PgBouncer.isAvailable(), () -> PgBouncer.announceSkipped(PoolerRaceIT.class));
        EmbeddedPostgresServer started = EmbeddedPostgresServer.start();
        server = started;
        bouncer = PgBouncer.start(started.jdbcUrl(), SERVER_CONNECTIONS);
    }

    @AfterAll
    static void stop() {
        if (bouncer != null) {
            bouncer.close();
        }
        if (server != null) {
            server.close();
        }
    }

    private static PgBouncer bouncer() {
        PgBouncer started = bouncer;
        if (started == null) {
            throw new IllegalStateException("not started");
        }
        return started;
    }

    /** The URL of the server itself. */
    private static String direct(String database) {
        EmbeddedPostgresServer started = server;
        if (started == null) {
            throw new IllegalStateException("not started");
        }
        return started.jdbcUrl().replaceFirst("/postgres[?]", "/" + database + "?");
    }

    private static void execute(String url, String... statements) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    private static String query(String url, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url)) {
            return query(connection, sql);
        }
    }

    private static String query(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    /** Creates a database whose sessions have such a setting. */
    private static void create(String database, String setting) throws SQLException {
        execute(direct("postgres"), "create database " + database, "alter database " + database + " set " + setting);
    }

    /** Asserts that the pooler's connections are as they were: all of them, each held while the next one is asked for. */
    private static void assertNothingIsLeft(String database, String after, String... settings) throws SQLException {
        assertThat(query(
                        direct(database),
                        "select count(*) from pg_locks where locktype = 'advisory' and database ="
                                + " (select oid from pg_database where datname = current_database())"))
                .as("advisory locks after %s", after)
                .isEqualTo("0");
        List<Connection> held = new ArrayList<>();
        try {
            for (int i = 0; i < SERVER_CONNECTIONS; i++) {
                Connection connection = DriverManager.getConnection(bouncer().jdbcUrl(database));
                held.add(connection);
                connection.setAutoCommit(false);
                for (String setting : settings) {
                    assertThat(query(
                                    connection,
                                    "select concat(setting = reset_val, ': ', setting) from pg_settings where name = '"
                                            + setting + "'"))
                            .as("%s after %s", setting, after)
                            .startsWith("t");
                }
            }
        } finally {
            for (Connection connection : held) {
                connection.rollback();
                connection.close();
            }
        }
    }

    static List<String> isolations() {
        return Boolean.getBoolean("usagekit.thorough")
                ? List.of("read committed", "repeatable read", "serializable")
                : List.of("repeatable read");
    }

    @ParameterizedTest
    @MethodSource("isolations")
    void runsEveryOperationAndLeavesNothingBehind(String isolation) throws Exception {
        String database = "d_" + isolation.replace(' ', '_');
        create(database, "default_transaction_isolation = '" + isolation + "'");
        try (HikariDataSource pool = PoolerTraffic.pool(bouncer().jdbcUrl(database), 4)) {
            for (Map.Entry<String, Consumer<DataSource>> operation :
                    Operations.on("usagekit").entrySet()) {
                try (PoolerTraffic others = PoolerTraffic.start(bouncer().jdbcUrl(database), 2)) {
                    operation.getValue().accept(pool);
                    assertThat(others.transactions()).isNotNegative();
                }
                assertNothingIsLeft(
                        database,
                        operation.getKey(),
                        "statement_timeout",
                        "lock_timeout",
                        "idle_in_transaction_session_timeout",
                        "default_transaction_isolation",
                        "default_transaction_read_only",
                        "row_security",
                        "plan_cache_mode");
            }
        }
    }

    /** With the driver's default a statement that has run five times has a name, which another process doesn't know, or uses otherwise. */
    @Test
    void givesItsStatementsNoNamesAndSaysSo() throws Exception {
        create("d_names", "lock_timeout = 0");
        try (HikariDataSource pool = PoolerTraffic.pool(bouncer().namingJdbcUrl("d_names"), 2);
                PoolerTraffic others = PoolerTraffic.start(bouncer().jdbcUrl("d_names"), 2);
                CapturedLog log = CapturedLog.of(PostgresUsage.class)) {
            PostgresUsage.install(pool, "usagekit");
            PostgresRollups rollups = PostgresRollups.of(pool, TableMapping.usagekit());
            rollups.install();
            for (UsageCalculator calculator : List.of(PostgresUsage.calculator(pool), rollups.calculator())) {
                for (int i = 0; i < 50; i++) {
                    assertThat(calculator.calculate(KEY, TIMEOUT).received().volume())
                            .isZero();
                }
            }
            assertThat(others.transactions()).isPositive();
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("prepareThreshold is 5")
                    .contains("set prepareThreshold=0 in the URL");
        }
    }

    @Test
    void refusesToBuildAnIndexWithLimitsThatItCannotLift() throws Exception {
        create("d_limits", "lock_timeout = '7s'");
        try (HikariDataSource pool = PoolerTraffic.pool(bouncer().jdbcUrl("d_limits"), 2)) {
            PostgresUsage.install(pool, "usagekit");
            String index = query(
                    direct("d_limits"),
                    "select quote_ident(indexname) from pg_indexes where schemaname = 'usagekit' and tablename = 'events'"
                            + " and indexname not like '%pkey' order by 1 limit 1");
            execute(direct("d_limits"), "drop index usagekit." + index);
            assertThatThrownBy(() -> PostgresUsage.installIndexes(pool, TableMapping.usagekit()))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("can't be built through a pooler by a role that has {lock_timeout=7s}")
                    .hasMessageContaining("connection to PostgreSQL itself")
                    .matches(error -> !((UsageStorageException) error).isTransient(), "isn't transient");
            assertNothingIsLeft("d_limits", "the refusal", "lock_timeout");
            try (HikariDataSource itself = PoolerTraffic.pool(direct("d_limits"), 1)) {
                PostgresUsage.installIndexes(itself, TableMapping.usagekit());
            }
            assertThat(query(
                            direct("d_limits"),
                            "select count(*) from pg_index where indexrelid = to_regclass('usagekit."
                                    + Identifiers.quote(index.replace("\"", "")) + "') and indisvalid"))
                    .isEqualTo("1");
        }
    }

    @Test
    void saysHowManyConnectionsAnInstallationNeedsBehindAPooler() throws Exception {
        create("d_small", "lock_timeout = 0");
        try (HikariDataSource pool = PoolerTraffic.pool(bouncer().jdbcUrl("d_small"), 1, Duration.ofSeconds(3))) {
            assertThatThrownBy(() -> PostgresUsage.install(pool, "usagekit"))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("it needs 2 connections at the same time, and the DataSource handed out 1");
        }
    }
}
