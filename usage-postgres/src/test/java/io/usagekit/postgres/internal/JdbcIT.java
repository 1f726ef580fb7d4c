package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Transactions: how the connection is restored, and how they end when the database is slow or down. */
class JdbcIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

    private static final Jdbc JDBC = new Jdbc(Database.pool());

    private static String schema;

    @BeforeAll
    static void install() {
        schema = Database.newSchema("transaction");
        PostgresUsage.install(Database.pool(), schema);
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Test
    void restoresTheConnection() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setNetworkTimeout(Runnable::run, 12_345);
            OneConnection host = new OneConnection(connection);
            String before = settings(connection);
            PostgresUsage.calculator(host, TableMapping.usagekit(schema)).calculate(KEY, Duration.ofSeconds(5));
            assertThat(settings(connection)).isEqualTo(before);
            assertThat(connection.getAutoCommit()).isTrue();
            assertThat(connection.isReadOnly()).isFalse();
            assertThat(connection.getNetworkTimeout()).isEqualTo(12_345);
            connection.setNetworkTimeout(Runnable::run, 0);
        }
    }

    @Test
    void restoresTheConnectionAfterAnError() throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            OneConnection host = new OneConnection(connection);
            String before = settings(connection);
            UsageCalculator calculator = PostgresUsage.calculator(host, TableMapping.gateway("no such"));
            assertThatThrownBy(() -> calculator.calculate(KEY, Duration.ofSeconds(5)))
                    .isInstanceOf(UsageCalculationException.class);
            assertThat(settings(connection)).isEqualTo(before);
            assertThat(connection.getAutoCommit()).isTrue();
        }
    }

    @Test
    void appliesItsSettingsAndRejectsWritesWhenReadOnly() throws SQLException {
        String seen = JDBC.transaction(Jdbc.Mode.READ_ONLY, Duration.ofSeconds(7), JdbcIT::settings);
        assertThat(seen).contains("read only: on", "plan: force_custom_plan", "jit: off");
        int millis = Integer.parseInt(seen.replaceAll(".*timeout: (\\d+)ms.*", "$1"));
        assertThat(millis).isBetween(1, 7_000);
        assertThatThrownBy(() -> JDBC.transaction(Jdbc.Mode.READ_ONLY, Duration.ofSeconds(7), connection -> {
                    try (Statement statement = connection.createStatement()) {
                        return statement.execute("delete from " + Identifiers.quote(schema) + ".events");
                    }
                }))
                .hasMessageContaining("read-only transaction");
    }

    @Test
    void writesInTheIsolationOfItsModeWhateverThePoolsIs() throws SQLException {
        try (HikariDataSource pool =
                Database.newPool(1, config -> config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ"))) {
            for (Jdbc.Mode mode : List.of(Jdbc.Mode.WRITE, Jdbc.Mode.WRITE_SNAPSHOT)) {
                String isolation = run(new Jdbc(pool), mode, JdbcIT::isolation);
                assertThat(isolation).isEqualTo(mode == Jdbc.Mode.WRITE ? "read committed" : "repeatable read");
            }
            try (Connection connection = pool.getConnection()) {
                assertThat(isolation(connection)).as("given back as it was").isEqualTo("repeatable read");
            }
        }
    }

    /** In place of a check of a foreign key, whose plans can't be counted: a trigger with a statement that counts how often it is planned. */
    @Test
    void plansWhatRunsForEachWrittenRowOnce() throws SQLException {
        String s = Identifiers.quote(schema);
        Database.execute(
                "create table " + s + ".written (id int)",
                "create sequence " + s + ".plans",
                "create function " + s
                        + ".plan() returns boolean immutable language plpgsql as $$ begin perform nextval('" + s
                        + ".plans'); return true; end $$",
                "create function " + s + ".check_row() returns trigger language plpgsql as $$ begin perform from " + s
                        + ".projects where id = new.id::text and " + s + ".plan(); return null; end $$",
                "create trigger check_row after insert on " + s + ".written for each row execute function " + s
                        + ".check_row()");
        for (Jdbc.Mode mode : List.of(Jdbc.Mode.WRITE, Jdbc.Mode.WRITE_SNAPSHOT, Jdbc.Mode.WRITE_LOOK_UPS)) {
            Database.execute("alter sequence " + s + ".plans restart");
            try (HikariDataSource pool = Database.newPool(1, config -> {})) {
                run(new Jdbc(pool), mode, connection -> {
                    Jdbc.execute(connection, "insert into " + s + ".written select generate_series(1, 100)");
                    return mode;
                });
            }
            assertThat(Long.parseLong(Database.query("select last_value from " + s + ".plans")))
                    .as("plans of 100 rows in %s", mode)
                    .isLessThan(10);
        }
    }

    @Test
    void plansStatementsOfWritesForTheirValues() throws SQLException {
        SqlTemplate template =
                SqlTemplate.of("select count(*) as answer from pg_settings where name = :name", Map.of());
        for (Jdbc.Mode mode : List.of(Jdbc.Mode.WRITE, Jdbc.Mode.WRITE_SNAPSHOT)) {
            long named = run(JDBC, mode, connection -> {
                for (int i = 0; i < 20; i++) {
                    SqlCall.of(connection, template).text("name", "jit").one(row -> row.number("answer"));
                }
                return SqlCall.of(
                                connection,
                                SqlTemplate.of(
                                        "select count(*) as answer from pg_prepared_statements where statement like"
                                                + " '%from pg_settings where name%'",
                                        Map.of()))
                        .one(row -> row.number("answer"));
            });
            assertThat(named).as("named statements in %s", mode).isZero();
        }
    }

    private static <T> T run(Jdbc jdbc, Jdbc.Mode mode, Jdbc.Work<T> work) throws SQLException {
        Duration timeout = Duration.ofSeconds(7);
        return mode.hasOneSnapshot()
                ? jdbc.snapshot(mode, timeout, Duration.ZERO, List.of(Identifiers.quote(schema) + ".projects"), work)
                : jdbc.transaction(mode, timeout, work);
    }

    private static String isolation(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show transaction_isolation")) {
            row.next();
            return row.getString(1);
        }
    }

    @Test
    void seesOneSnapshotInWriteSnapshotMode() throws SQLException {
        String table = Identifiers.quote(schema) + ".projects";
        for (Jdbc.Mode mode : List.of(Jdbc.Mode.WRITE, Jdbc.Mode.WRITE_SNAPSHOT)) {
            Database.execute("delete from " + table);
            int seen = run(JDBC, mode, connection -> {
                try (Statement statement = connection.createStatement()) {
                    statement.execute("insert into " + table + " values ('own', 'org-123')");
                    Database.execute("insert into " + table + " values ('other', 'org-123')");
                    return statement.executeUpdate("update " + table + " set name = 'seen'");
                }
            });
            assertThat(seen).as("%s", mode).isEqualTo(mode == Jdbc.Mode.WRITE ? 2 : 1);
        }
    }

    @Test
    void cancelsAStatementWhenTheTimeoutPasses() throws SQLException {
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema));
        calculator.calculate(KEY, Duration.ofSeconds(5));
        try (Connection blocker = Database.pool().getConnection();
                Statement statement = blocker.createStatement()) {
            blocker.setAutoCommit(false);
            statement.execute("lock table " + Identifiers.quote(schema) + ".events in access exclusive mode");
            assertThatThrownBy(() -> calculator.calculate(KEY, Duration.ofMillis(300)))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("wasn't computed within PT0.3S")
                    .hasRootCauseInstanceOf(SQLException.class);
            blocker.rollback();
            blocker.setAutoCommit(true);
        }
        assertThat(calculator.calculate(KEY, Duration.ofSeconds(5)).received().volume())
                .isZero();
    }

    @Test
    void rejectsATimeoutOutOfBoundsBeforeItConnects() {
        UsageCalculator calculator = PostgresUsage.calculator(new OneConnection(null), TableMapping.usagekit());
        for (Duration timeout : new Duration[] {Duration.ZERO, Duration.ofNanos(999_999), Duration.ofDays(2)}) {
            assertThatThrownBy(() -> calculator.calculate(KEY, timeout))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("timeout must be between")
                    .hasMessageContaining(timeout.toString());
        }
    }

    @Test
    void failsWhileTheServerIsDownAndRecovers() {
        try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start()) {
            DataSource pool = server.dataSource();
            PostgresUsage.install(pool, "usagekit");
            UsageCalculator calculator = PostgresUsage.calculator(pool);
            assertThat(calculator
                            .calculate(KEY, Duration.ofSeconds(5))
                            .received()
                            .volume())
                    .isZero();

            server.kill();
            assertThatThrownBy(() -> calculator.calculate(KEY, Duration.ofSeconds(5)))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("\"org-123\" in 2026-03")
                    .hasCauseInstanceOf(SQLException.class);

            server.restart();
            assertThat(calculator
                            .calculate(KEY, Duration.ofSeconds(20))
                            .received()
                            .volume())
                    .isZero();
        }
    }

    private static String settings(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select concat('read only: ', current_setting('transaction_read_only'), ', timeout: ',"
                                + " current_setting('statement_timeout'), ', plan: ', current_setting('plan_cache_mode'),"
                                + " ', jit: ', current_setting('jit'), ', zone: ', current_setting('timezone'))")) {
            row.next();
            return row.getString(1);
        }
    }
}
