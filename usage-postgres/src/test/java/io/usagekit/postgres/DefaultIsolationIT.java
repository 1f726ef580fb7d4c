package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pools and roles whose default isolation isn't READ COMMITTED: nothing is read from a snapshot that is older than the change of a table
 * for which the read waited, and no idempotency key is billed twice.
 */
class DefaultIsolationIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int EVENTS = 100;
    private static final int DELIVERIES = 145;
    private static final String FIGURE = "100,300,145,435";

    private final String schema = Database.newSchema("isolation");
    private final TableMapping mapping = TableMapping.usagekit(schema);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private int columns;

    @BeforeEach
    void install() {
        PostgresLedger.of(Database.pool(), schema).install();
        PostgresRollups.of(Database.pool(), mapping).install();
        fill();
    }

    @AfterEach
    void drop() {
        threads.shutdownNow();
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
    }

    private String table(String name) {
        return Identifiers.qualified(schema, name);
    }

    private void fill() {
        Database.execute("insert into " + table("projects") + " (id, organisation_id) values ('p', 'org-123')");
        Database.execute(rows().toArray(String[]::new));
        roll();
    }

    private List<String> rows() {
        return List.of(
                "insert into " + table("events") + " (id, project_id, raw, created_at)"
                        + " select 'e' || n, 'p', 'abc', '2026-03-05T10:00:00Z' from generate_series(1, " + EVENTS
                        + ") n",
                "insert into " + table("event_deliveries") + " (id, project_id, event_id, status, created_at)"
                        + " select 'd' || n, 'p', 'e' || (n % " + EVENTS + " + 1), 'Success', '2026-03-05T10:00:01Z'"
                        + " from generate_series(1, " + DELIVERIES + ") n");
    }

    private void roll() {
        try (var worker = PostgresRollups.of(Database.pool(), mapping).worker().build()) {
            worker.runOnce();
        }
    }

    /** Marks the hour of all rows, so that figures from roll-ups read it live: those of rolled hours don't name the tables. */
    private void mark() {
        Database.execute("insert into " + Identifiers.qualified(schema + "_rollups", "mark")
                + " (project_id, bucket) values ('p', '2026-03-05T10:00:00Z')");
    }

    private static HikariDataSource pool(String isolation) {
        return isolation.startsWith("role ")
                ? Database.newPool(
                        4,
                        config -> config.setConnectionInitSql(
                                "set default_transaction_isolation = '" + isolation.substring(5) + "'"))
                : Database.newPool(4, config -> config.setTransactionIsolation(isolation));
    }

    /** What reads a table, each as text. */
    private Map<String, Supplier<String>> readers(HikariDataSource pool) {
        Map<String, Supplier<String>> readers = new LinkedHashMap<>();
        UsageCalculator combined = PostgresUsage.calculator(pool, mapping);
        UsageCalculator rolled = PostgresRollups.of(pool, mapping).calculator();
        EventRepository ledger = PostgresLedger.of(pool, schema).repository();
        PageRequest page = PageRequest.first(1_000, EventOrder.ASCENDING);
        for (UsageCalculator calculator : List.of(combined, rolled)) {
            String name = calculator == combined ? "combined query" : "roll-ups";
            readers.put(name, () -> text(calculator.calculate(KEY, TIMEOUT)));
            readers.put(
                    name + ", bulk",
                    () -> text(Objects.requireNonNull(calculator
                            .calculateAll(List.of(KEY), TIMEOUT)
                            .figures()
                            .get(KEY))));
        }
        readers.put("received and sent", () -> {
            int events = ledger.received(KEY, page).items().size();
            int deliveries = ledger.sent(KEY, page).items().size();
            return events + "," + 3 * events + "," + deliveries + "," + 3 * deliveries;
        });
        readers.put("page and export", () -> {
            int events = ledger.page("p", EventFilter.ALL, page).items().size();
            long exported = ledger.export(
                            ExportRequest.builder("p", Instant.parse("2026-04-01T00:00:00Z"))
                                    .build(),
                            OutputStream.nullOutputStream())
                    .events();
            return events + "," + 3 * exported + "," + DELIVERIES + "," + 3 * DELIVERIES;
        });
        return readers;
    }

    private static String text(OrganisationUsage usage) {
        UsageMetrics received = usage.received();
        UsageMetrics sent = usage.sent();
        return received.volume() + "," + received.bytes() + "," + sent.volume() + "," + sent.bytes();
    }

    /** Statements after which all rows have other versions, which no older snapshot sees. */
    private List<List<String>> changes() {
        String column = "c" + columns++;
        List<String> replaced = new ArrayList<>();
        replaced.add("truncate " + table("events") + ", " + table("event_deliveries") + " cascade");
        replaced.addAll(rows());
        return List.of(
                List.of(
                        "alter table " + table("events") + " add column " + column + " float default random()",
                        "alter table " + table("event_deliveries") + " add column " + column
                                + " float default random()"),
                replaced);
    }

    /** Runs a read that waits for a change of the tables; the change is committed once it waits. */
    private <T> T during(List<String> change, Supplier<T> read) throws Exception {
        try (Connection host = Database.pool().getConnection();
                Statement statement = host.createStatement()) {
            host.setAutoCommit(false);
            for (String sql : change) {
                statement.execute(sql);
            }
            Future<T> result = threads.submit(read::get);
            while (Database.query("select count(*) from pg_locks where not granted and relation in (to_regclass('"
                                    + table("events") + "'), to_regclass('" + table("event_deliveries") + "'))")
                            .equals("0")
                    && !result.isDone()) {
                Thread.onSpinWait();
            }
            assertThat(result.isDone()).as("read without waiting").isFalse();
            host.commit();
            host.setAutoCommit(true);
            return result.get(30, TimeUnit.SECONDS);
        }
    }

    static Stream<String> isolations() {
        return Sample.of(
                List.of(
                        "TRANSACTION_READ_COMMITTED",
                        "TRANSACTION_REPEATABLE_READ",
                        "TRANSACTION_SERIALIZABLE",
                        "role repeatable read",
                        "role serializable"),
                2);
    }

    @ParameterizedTest
    @MethodSource("isolations")
    void readsWhatWasCommittedBeforeTheTableWasReadable(String isolation) throws Exception {
        try (HikariDataSource pool = pool(isolation)) {
            Map<String, Supplier<String>> readers = readers(pool);
            readers.forEach((name, reader) -> assertThat(reader.get()).as(name).isEqualTo(FIGURE));
            for (Map.Entry<String, Supplier<String>> reader : readers.entrySet()) {
                for (List<String> change : changes()) {
                    mark();
                    assertThat(during(change, reader.getValue()))
                            .as("%s while others ran %s", reader.getKey(), change.get(0))
                            .isEqualTo(FIGURE);
                }
                roll();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TRANSACTION_READ_COMMITTED", "role repeatable read"})
    void deletesOldRowsThatWereRewrittenMeanwhile(String isolation) throws Exception {
        try (HikariDataSource pool = pool(isolation)) {
            PostgresRollups rollups = PostgresRollups.of(pool, mapping);
            for (List<String> change : changes()) {
                Database.execute("delete from " + table("event_deliveries"), "delete from " + table("events"));
                Database.execute(rows().toArray(String[]::new));
                rollups.acceptRetained(); // other rows with the ids of those before
                long deleted = during(
                        change,
                        () -> rollups.deleteBefore(Instant.parse("2026-04-01T00:00:00Z"), new RetentionProgress() {})
                                .deliveries());
                assertThat(deleted).as(change.get(0)).isEqualTo(DELIVERIES);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TRANSACTION_REPEATABLE_READ", "TRANSACTION_SERIALIZABLE", "role serializable"})
    void recordsEachIdempotencyKeyOnce(String isolation) throws Exception {
        int races = 20;
        int processes = 4;
        try (HikariDataSource pool = pool(isolation)) {
            EventRepository ledger = PostgresLedger.of(pool, schema).repository();
            CyclicBarrier start = new CyclicBarrier(processes);
            for (int race = 0; race < races; race++) {
                String key = "key-" + race;
                List<Future<Boolean>> duplicates = IntStream.range(0, processes)
                        .mapToObj(process -> threads.submit(() -> {
                            start.await(30, TimeUnit.SECONDS);
                            return ledger.record(NewEvent.builder("p", key + "-" + process)
                                            .idempotencyKey(key)
                                            .build())
                                    .duplicate();
                        }))
                        .toList();
                int first = 0;
                for (Future<Boolean> duplicate : duplicates) {
                    first += duplicate.get(30, TimeUnit.SECONDS) ? 0 : 1;
                }
                assertThat(first).as(key).isEqualTo(1);
            }
        }
    }
}
