package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.testing.Database;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Many figures by one statement, and one that is wrong among them. */
class CombinedQueryBatchIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private final String schema = Database.newSchema("batch");
    private final List<String> statements = new CopyOnWriteArrayList<>();

    @BeforeEach
    void install() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute("insert into " + schema + ".projects (id, organisation_id)"
                + " select 'p' || n, 'org-' || n from generate_series(1, 120) n");
        Database.execute("insert into " + schema + ".events (id, project_id, raw, created_at)"
                + " select 'e' || n, 'p' || n, repeat('x', n), '2026-03-10T00:00Z' from generate_series(1, 120) n");
        Database.execute(
                "insert into " + schema + ".event_deliveries (id, project_id, event_id, status, created_at)"
                        + " select 'd' || n, 'p' || n, 'e' || n, 'Success', '2026-04-01T00:00Z' from generate_series(1, 120) n");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private static List<UsageKey> keys(int count) {
        return IntStream.rangeClosed(1, count)
                .mapToObj(n -> new UsageKey("org-" + n, MARCH))
                .toList();
    }

    @Test
    void oneStatementComputesWholeBatch() {
        UsageCalculator calculator = PostgresUsage.calculator(recorded(Database.pool()), mapping());
        calculator.calculate(keys(1).get(0), PATIENCE); // looks at the tables
        statements.clear();

        UsageCalculator.Figures batch = calculator.calculateAll(keys(100), PATIENCE);

        assertThat(batch.failures()).isEmpty();
        batch.figures().forEach((key, usage) -> {
            int n = Integer.parseInt(key.organisationId().substring("org-".length()));
            assertThat(usage.received()).as("%s", key).isEqualTo(new UsageMetrics(1, n));
            assertThat(usage.sent()).as("%s", key).isEqualTo(UsageMetrics.ZERO);
        });
        assertThat(batch.figures()).hasSize(100);
        assertThat(statements.stream().filter(sql -> sql.contains("organisation")))
                .as("statements on the host's tables")
                .hasSize(1);
        assertThat(batch.figures().values().stream()
                        .map(OrganisationUsage::createdAt)
                        .distinct())
                .as("one time for all")
                .hasSize(1);
    }

    @Test
    void periodsOfOneOrganisationAreKeptApart() {
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), mapping());
        UsageKey march = new UsageKey("org-7", MARCH);
        UsageKey april = new UsageKey("org-7", MARCH.next());
        UsageKey both = new UsageKey(
                "org-7", UsagePeriod.between(MARCH.start(), MARCH.next().end()));
        UsageCalculator.Figures batch = calculator.calculateAll(List.of(march, april, both), PATIENCE);
        for (UsageKey key : List.of(march, april, both)) {
            OrganisationUsage alone = calculator.calculate(key, PATIENCE);
            OrganisationUsage together = figure(batch, key);
            assertThat(together.received()).as("%s", key).isEqualTo(alone.received());
            assertThat(together.sent()).as("%s", key).isEqualTo(alone.sent());
        }
        assertThat(figure(batch, april)).extracting(OrganisationUsage::sent).isEqualTo(new UsageMetrics(1, 7));
    }

    @Test
    void idsThatTheColumnTypeTakesForOneEachHaveItsFigure() {
        Database.execute("create table " + schema + ".workspaces (id text primary key, account uuid)");
        Database.execute(
                "insert into " + schema + ".workspaces" + " values ('p1', '0a0a0a0a-0000-0000-0000-000000000001')");
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), byAccount());
        String lower = "0a0a0a0a-0000-0000-0000-000000000001";
        List<UsageKey> keys = List.of(
                new UsageKey(lower, MARCH),
                new UsageKey(lower.toUpperCase(Locale.ROOT), MARCH),
                new UsageKey("0a0a0a0a-0000-0000-0000-000000000002", MARCH));
        UsageCalculator.Figures batch = calculator.calculateAll(keys, PATIENCE);
        assertThat(keys.stream().map(key -> figure(batch, key).received()))
                .containsExactly(new UsageMetrics(1, 1), new UsageMetrics(1, 1), UsageMetrics.ZERO);
    }

    @Test
    void idThatDoesNotFitTheColumnFailsAlone() {
        Database.execute("create table " + schema + ".workspaces (id text primary key, account uuid)");
        Database.execute("insert into " + schema + ".workspaces"
                + " select 'p' || n, ('0a0a0a0a-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid"
                + " from generate_series(1, 20) n");
        UsageCalculator calculator = PostgresUsage.calculator(recorded(Database.pool()), byAccount());
        List<UsageKey> keys = new ArrayList<>();
        for (int n = 1; n <= 20; n++) {
            keys.add(new UsageKey("0a0a0a0a-0000-0000-0000-%012d".formatted(n), MARCH));
        }
        UsageKey bad = new UsageKey("no {uuid}, \"quoted\\ and all", MARCH);
        keys.add(7, bad);
        UsageCalculator.Figures batch = calculator.calculateAll(keys, PATIENCE);
        assertThat(batch.failures()).containsOnlyKeys(bad);
        assertThat(batch.failures().get(bad)).hasMessageContaining("invalid input syntax for type uuid");
        assertThat(batch.figures()).hasSize(20);
        assertThat(figure(batch, keys.get(19)).received().bytes()).isEqualTo(19);
        assertThat(statements.stream().filter(sql -> sql.contains("window_event")))
                .as("halves, not one by one")
                .hasSizeLessThan(12);
    }

    @Test
    void idThatViolatesTheCheckOfItsDomainFailsAlone() {
        Database.execute(
                "create domain " + schema + ".account as text check (value like 'org-%')",
                "create table " + schema + ".workspaces (id text primary key, account " + schema + ".account)",
                "insert into " + schema + ".workspaces select 'p' || n, 'org-' || n from generate_series(1, 20) n");
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), byAccount());
        List<UsageKey> keys = new ArrayList<>(keys(20));
        UsageKey bad = new UsageKey("123", MARCH);
        keys.add(7, bad);

        UsageCalculator.Figures batch = calculator.calculateAll(keys, PATIENCE);

        assertThat(batch.failures()).containsOnlyKeys(bad);
        assertThat(batch.failures().get(bad)).hasMessageContaining("violates check constraint");
        assertThat(batch.figures()).hasSize(20);
        assertThat(figure(batch, keys.get(20)).received()).isEqualTo(new UsageMetrics(1, 20));
    }

    @Test
    void sumThatExceedsBigintAndMissingSizesFailAlone() {
        Database.execute("create table " + schema + ".sized (id text primary key, project_id text, size bigint,"
                + " created_at timestamptz)");
        Database.execute("insert into " + schema + ".sized values"
                + " ('a', 'p1', 9223372036854775807, '2026-03-01T00:00Z'), ('b', 'p1', 1, '2026-03-01T00:00Z'),"
                + " ('c', 'p2', null, '2026-03-01T00:00Z'), ('d', 'p3', 3, '2026-03-01T00:00Z')");
        UsageCalculator calculator = PostgresUsage.calculator(
                Database.pool(),
                TableMapping.builder(schema)
                        .events("sized")
                        .payload()
                        .storedBytes("size")
                        .withoutEventDeletion()
                        .withoutProjectDeletion()
                        .deliveries("event_deliveries")
                        .build());
        List<UsageKey> keys = keys(4);
        UsageCalculator.Figures batch = calculator.calculateAll(keys, PATIENCE);
        assertThat(batch.failures()).containsOnlyKeys(keys.get(0), keys.get(1));
        assertThat(batch.failures().get(keys.get(0))).hasMessageContaining("bigint out of range");
        assertThat(batch.failures().get(keys.get(1))).hasMessageContaining("have no size");
        assertThat(figure(batch, keys.get(2)).received()).isEqualTo(new UsageMetrics(1, 3));
        assertThat(figure(batch, keys.get(3)).received()).isEqualTo(UsageMetrics.ZERO);
    }

    @Test
    void rejectsMoreThanItsLimit() {
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), mapping());
        assertThat(calculator.maxBatch()).isEqualTo(100);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> calculator.calculateAll(keys(101), PATIENCE))
                .withMessage("a batch has at most 100 figures, but 101 were requested");
    }

    private static OrganisationUsage figure(UsageCalculator.Figures batch, UsageKey key) {
        return Objects.requireNonNull(batch.figures().get(key), () -> "no figure of " + key);
    }

    private TableMapping mapping() {
        return TableMapping.usagekit(schema);
    }

    private TableMapping byAccount() {
        return TableMapping.builder(schema)
                .projects("workspaces")
                .projectOrganisationId("account")
                .withoutProjectDeletion()
                .events("events")
                .deliveries("event_deliveries")
                .build();
    }

    /** A pool that records the statements which its connections prepare. */
    private DataSource recorded(DataSource pool) {
        return (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, args) -> {
                    Object result = invoke(method, pool, args);
                    return result instanceof Connection connection ? recorded(connection) : result;
                });
    }

    private Connection recorded(Connection connection) {
        return (Connection) Proxy.newProxyInstance(
                Connection.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, args) -> {
                    Object result = invoke(method, connection, args);
                    if (result instanceof PreparedStatement) {
                        statements.add((String) args[0]);
                    }
                    return result;
                });
    }

    private static @Nullable Object invoke(Method method, Object target, Object @Nullable [] args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw Objects.requireNonNull(e.getCause());
        }
    }
}
