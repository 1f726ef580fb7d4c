package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.Freshness;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageStorageException;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.ManualClock;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/** Wrong passwords, missing objects and privileges: each is told from an outage, logged once, and hidden only within ttl. */
class PostgresSettingsIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org-0", MARCH);
    private static final List<String> ORGS =
            IntStream.range(0, 5).mapToObj(i -> "org-" + i).toList();
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final String PASSWORD = "top-secret-1";
    private static final String WRONG = "top-secret-2";

    /** A server of its own, since it demands passwords. */
    private static EmbeddedPostgresServer server;

    private final PrintStream err = System.err;
    private final ByteArrayOutputStream log = new ByteArrayOutputStream();

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start();
        execute(
                "create role app login password '" + PASSWORD + "'",
                "create schema app authorization app",
                "set role app",
                "create table app.projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table app.events (id varchar, project_id varchar, raw text, data text, created_at timestamptz,"
                        + " deleted_at timestamptz)",
                "create table app.event_deliveries (id varchar, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz)",
                "reset role");
        demandPasswords();
    }

    private static void demandPasswords() {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("show hba_file")) {
            row.next();
            Path file = Path.of(row.getString(1));
            Files.writeString(
                    file,
                    "host all app 127.0.0.1/32 scram-sha-256\nhost all app ::1/128 scram-sha-256\n"
                            + Files.readString(file));
            execute("select pg_reload_conf()");
        } catch (SQLException | IOException e) {
            throw new AssertionError(e);
        }
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @BeforeEach
    void capture() {
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void release() {
        System.setErr(err);
        execute("grant select on app.events to app"); // also after a failed test
    }

    private static void execute(String... statements) {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    private static DataSource dataSource(String password) {
        return dataSource(server.jdbcUrl(), password);
    }

    private static DataSource dataSource(String url, String password) {
        int query = url.indexOf('?'); // its user would come before the one that is given here
        return new DriverManagerDataSource(query < 0 ? url : url.substring(0, query), "app", password);
    }

    private static UsageCalculator calculator(DataSource dataSource, UnaryOperator<TableMapping.Builder> mapping) {
        return PostgresUsage.builder(dataSource)
                .mapping(mapping.apply(TableMapping.builder("app")).build())
                .build();
    }

    private static UsageCalculator calculator(DataSource dataSource) {
        return calculator(dataSource, mapping -> mapping);
    }

    private static void assertPermanent(UsageCalculator calculator, String reason) {
        assertThatThrownBy(() -> calculator.calculate(KEY, PATIENCE))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining(reason)
                .matches(error -> !((UsageException) error).isTransient(), "isn't transient")
                .hasMessageNotContainingAny(PASSWORD, WRONG);
    }

    @Test
    void classifiesWrongPassword() {
        calculator(dataSource(PASSWORD)).calculate(KEY, PATIENCE);
        assertPermanent(calculator(dataSource(WRONG)), "password authentication failed for user \"app\"");
    }

    /** The pool's own error says that there was no connection in time. */
    @Test
    void classifiesWrongPasswordBehindPool() {
        HikariConfig config = new HikariConfig();
        config.setDataSource(dataSource(WRONG));
        config.setConnectionTimeout(3_000); // far longer than a refusal takes
        config.setInitializationFailTimeout(-1);
        try (HikariDataSource pool = new HikariDataSource(config)) {
            assertPermanent(calculator(pool), "password authentication failed for user \"app\"");
        }
    }

    @Test
    void classifiesMissingDatabaseAndObjects() {
        DataSource elsewhere = dataSource(server.jdbcUrl().replaceFirst("/[^/?]+([?]|$)", "/nowhere$1"), PASSWORD);
        assertPermanent(calculator(elsewhere), "database \"nowhere\" does not exist");
        DataSource right = dataSource(PASSWORD);
        assertPermanent(calculator(right, mapping -> mapping.schema("nowhere")), "there is no schema \"nowhere\"");
        assertPermanent(
                PostgresUsage.calculator(right),
                "there is no schema \"usagekit\" (mapped as schema): install the library's own tables first");
        assertPermanent(calculator(right, mapping -> mapping.events("none")), "there is no table \"app\".\"none\"");
        assertPermanent(calculator(right, mapping -> mapping.eventId("none")), "has no column \"none\"");
        assertPermanent(
                calculator(right, mapping -> mapping.eventCreatedAt("raw")), "must be timestamp with time zone");
    }

    @Test
    void classifiesWhatIsRevokedOrDroppedWhileItRuns() {
        for (UsageCalculator calculator : List.of(calculator(dataSource(PASSWORD)), rollups(dataSource(PASSWORD)))) {
            calculator.calculate(KEY, PATIENCE);
            execute("revoke select on app.events from app");
            assertPermanent(calculator, "permission denied for table events");
            execute("grant select on app.events to app");
            calculator.calculate(KEY, PATIENCE);
            execute("alter table app.events rename column data to payload");
            try {
                assertPermanent(calculator, "has no column \"data\"");
            } finally {
                execute("alter table app.events rename column payload to data");
            }
            calculator.calculate(KEY, PATIENCE);
        }
    }

    private static UsageCalculator rollups(DataSource dataSource) {
        return PostgresRollups.builder(dataSource)
                .mapping(TableMapping.builder("app").build())
                .build()
                .calculator();
    }

    /** The statement was compiled for other types; the first computation after the change looks them up again. */
    @Test
    void computesWhenTypesChangeWhileItRuns() {
        for (UsageCalculator calculator : List.of(calculator(dataSource(PASSWORD)), rollups(dataSource(PASSWORD)))) {
            calculator.calculate(KEY, PATIENCE);
            execute("alter table app.events alter column data type jsonb using to_jsonb(data)");
            calculator.calculate(KEY, PATIENCE);
            execute("alter table app.events alter column data type text using data #>> '{}'");
            calculator.calculate(KEY, PATIENCE);
        }
    }

    @Test
    void takesOutagesForTransient() {
        DataSource closed = dataSource(server.jdbcUrl().replaceFirst(":\\d+/", ":1/"), PASSWORD);
        assertThatThrownBy(() -> calculator(closed).calculate(KEY, PATIENCE))
                .isInstanceOf(UsageCalculationException.class)
                .matches(error -> ((UsageException) error).isTransient(), "is transient");
        assertThatThrownBy(() -> calculator(new NoConnections()).calculate(KEY, PATIENCE))
                .matches(error -> ((UsageException) error).isTransient(), "is transient");
    }

    @Test
    void classifiesErrorsOfInstalling() {
        TableMapping mapping = TableMapping.builder("app").build();
        assertThatThrownBy(() -> PostgresRollups.builder(dataSource(WRONG))
                        .mapping(mapping)
                        .build()
                        .install())
                .isInstanceOf(UsageStorageException.class)
                .matches(error -> !((UsageException) error).isTransient(), "isn't transient");
        assertThatThrownBy(() -> PostgresRollups.builder(dataSource(PASSWORD))
                        .mapping(mapping)
                        .build()
                        .worker()
                        .build()
                        .runOnce())
                .as("nothing is installed")
                .isInstanceOf(UsageStorageException.class)
                .matches(error -> !((UsageException) error).isTransient(), "isn't transient");
        assertThatThrownBy(() -> PostgresLedger.builder(dataSource(PASSWORD))
                        .schema("app")
                        .build()
                        .repository()
                        .page("p", EventFilter.ALL, PageRequest.first(10, EventOrder.ASCENDING)))
                .as("the ledger's columns are missing")
                .isInstanceOf(EventLedgerException.class)
                .matches(error -> !((UsageException) error).isTransient(), "isn't transient");
    }

    @Test
    void servesStaleWithinTtlOnlyAndLogsOneIncident() throws InterruptedException {
        ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
        BlockingQueue<Throwable> refreshFailures = new LinkedBlockingQueue<>();
        UsageListener listener = new UsageListener() {
            @Override
            public void refreshFailed(UsageKey key, Throwable error) {
                refreshFailures.add(error);
            }
        };
        UsageServiceBuilder builder = UsageService.builder(calculator(dataSource(PASSWORD)))
                .cache(InMemoryUsageCache.create(clock))
                .maxConcurrentComputations(ORGS.size())
                .refreshJitterPercent(0)
                .listener(listener)
                .ticker(clock.ticker());
        try (UsageService service = builder.build()) {
            ORGS.forEach(org -> service.get(org, MARCH));
            execute("alter table app.event_deliveries rename column status to state");
            try {
                clock.advance(Duration.ofMinutes(9));
                ORGS.forEach(
                        org -> assertThat(service.get(org, MARCH).freshness()).isEqualTo(Freshness.STALE));
                for (int failures = 0; failures < ORGS.size(); failures++) {
                    assertThat(refreshFailures.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS))
                            .isInstanceOf(UsageCalculationException.class)
                            .matches(error -> !((UsageException) error).isTransient(), "isn't transient");
                }
                clock.advance(Duration.ofMinutes(2));
                for (int calls = 0; calls < 3; calls++) {
                    ORGS.forEach(org -> assertThatThrownBy(() -> service.get(org, MARCH))
                            .hasMessageContaining("has no column \"status\""));
                    clock.advance(Duration.ofSeconds(2));
                }
            } finally {
                execute("alter table app.event_deliveries rename column state to status");
            }
            ORGS.forEach(org -> assertThat(service.get(org, MARCH).freshness()).isEqualTo(Freshness.FRESH));
        }
        assertThat(lines("WARN"))
                .singleElement()
                .asString()
                .contains("no retry will cure")
                .contains("has no column");
        assertThat(lines("INFO")).singleElement().asString().contains("computed again");
    }

    @Test
    void logsOneIncidentAndNoPasswordWhenThePasswordIsWrong() {
        try (UsageService service =
                UsageService.builder(calculator(dataSource(WRONG))).build()) {
            for (int calls = 0; calls < 3; calls++) {
                ORGS.forEach(org -> assertThatThrownBy(() -> service.get(org, MARCH))
                        .hasMessageContaining("password authentication"));
            }
        }
        assertThat(lines("WARN")).singleElement().asString().contains("password authentication failed for user");
        assertThat(log.toString(StandardCharsets.UTF_8))
                .contains("PSQLException")
                .doesNotContain(PASSWORD, WRONG);
    }

    private List<String> lines(String level) {
        return log.toString(StandardCharsets.UTF_8)
                .lines()
                .filter(line -> line.contains(level + " ") && line.contains("UsageService - "))
                .toList();
    }

    /** Hands out no connections, as a pool that is exhausted. */
    private static final class NoConnections extends DelegatingDataSource {
        @Override
        public Connection getConnection() throws SQLException {
            throw new SQLException("no connection is free");
        }
    }
}
