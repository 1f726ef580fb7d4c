package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Two retentions, a worker, hosts that change old rows, and readers run at once. The hosts update a table of expected totals in the
 * transactions that change rows; readers compare the figure with the expected totals in one snapshot.
 */
@Tag("thorough")
class RollupRetentionStressIT {

    private static final int DAYS = 30;
    private static final int EVENTS = 1_500;
    private static final UsageKey MONTH = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-02-15T00:00:00Z"), Instant.parse("2026-03-17T12:00:00Z")));

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final HikariDataSource pool = Database.newPool(10);
    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong commits = new AtomicLong();
    private final Queue<String> mismatches = new ConcurrentLinkedQueue<>();
    private RollupFixture fixture;
    private RollupSql sql;

    @BeforeEach
    void begin() throws SQLException {
        System.out.println("RollupRetentionStressIT: -Dusagekit.seed=" + seed);
        fixture = RollupFixture.tables(pool, Database.newSchema("retention"));
        fixture.rollups.install();
        fixture.run(
                "insert into {s}.events select 'e' || n, 'p', repeat('x', n % 50), '', timestamptz '2026-02-15Z' + n * interval '30 days' / "
                        + EVENTS + ", null from generate_series(0, " + (EVENTS - 1) + ") n",
                "insert into {s}.event_deliveries select 'd' || n, 'q', 'e' || n / 2, 'Success', timestamptz '2026-02-15Z' + n * interval '30 days' / "
                        + (2 * EVENTS) + " from generate_series(0, " + (2 * EVENTS - 1) + ") n",
                "create table {s}.expected (received_bytes bigint, sent bigint, sent_bytes bigint)",
                "insert into {s}.expected select sum(n % 50), 2 * count(*), 2 * sum(n % 50) from generate_series(0, "
                        + (EVENTS - 1) + ") n");
        fixture.runWorker();
        sql = fixture.sql();
    }

    @AfterEach
    void end() {
        threads.shutdown();
        fixture.close();
        pool.close();
    }

    @Test
    void equalsExpectedTotalsInEverySnapshot() {
        run(sql);
        assertThat(mismatches).as("seed %s", seed).isEmpty();
        assertThat(reads).hasPositiveValue();
        assertThat(commits).hasPositiveValue();
        System.out.println(
                "RollupRetentionStressIT: " + reads + " reads, " + commits + " commits of hosts, 0 mismatches");
        retain(sql);
        assertThat(Database.column(fixture.sql("select count(*) from {s}.events")))
                .as("events that hosts kept locked are deleted, too")
                .containsExactly("0");
    }

    /** Negative control: events aren't locked while their deliveries are deleted. */
    @Test
    void detectsMissingLockOnEvents() throws SQLException {
        run(fixture.sql(WeakenedStatements.withoutLockOnEvents()));
        assertThat(mismatches).as("seed %s", seed).isNotEmpty();
    }

    private void run(RollupSql used) {
        List<CompletableFuture<?>> others = List.of(
                CompletableFuture.runAsync(() -> host(new Random(seed + 1)), threads),
                CompletableFuture.runAsync(() -> host(new Random(seed + 2)), threads),
                CompletableFuture.runAsync(this::read, threads),
                CompletableFuture.runAsync(this::work, threads));
        List<CompletableFuture<?>> retentions = List.of(
                CompletableFuture.runAsync(() -> retain(used), threads),
                CompletableFuture.runAsync(() -> retain(used), threads));
        try {
            retentions.forEach(CompletableFuture::join);
        } finally {
            over.set(true);
            others.forEach(CompletableFuture::join);
        }
    }

    private void retain(RollupSql used) {
        for (int day = 1; day <= DAYS && mismatches.isEmpty(); day++) {
            new RetentionDeleter(pool, used, Set.of(), new RetentionProgress() {}, RollupFixture.batchesOf(20))
                    .deleteBefore(Instant.parse("2026-02-15T00:00:00Z").plus(Duration.ofDays(day)));
        }
    }

    private void work() {
        try (RollupWorker worker = fixture.worker().build()) {
            while (!over.get()) {
                worker.runOnce();
            }
        }
    }

    /** Changes an old event's size or a delivery's status, and the expected totals with it. */
    private void host(Random random) {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            while (!over.get()) {
                if (random.nextBoolean()) {
                    changeSize(statement, random);
                } else {
                    changeStatus(statement, random);
                }
                connection.commit();
                commits.incrementAndGet();
            }
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** One of the rows that are deleted next. */
    private static final String OLDEST = " order by created_at limit 1 offset ";

    private void changeSize(Statement statement, Random random) throws SQLException {
        String event = one(statement, "select id from {s}.events" + OLDEST + random.nextInt(200));
        String before = one(
                statement,
                "select octet_length(raw)::text from {s}.events where id = '" + event + "' for no key update");
        if (before.isEmpty()) {
            return; // it is deleted
        }
        int after = random.nextInt(50);
        statement.executeUpdate(
                fixture.sql("update {s}.events set raw = repeat('y', " + after + ") where id = '" + event + "'"));
        String deliveries = one(
                statement,
                "select count(*)::text from {s}.event_deliveries where status = 'Success' and event_id = '" + event
                        + "'");
        long change = after - Long.parseLong(before);
        statement.executeUpdate(fixture.sql("update {s}.expected set received_bytes = received_bytes + " + change
                + ", sent_bytes = sent_bytes + " + change * Long.parseLong(deliveries)));
    }

    private void changeStatus(Statement statement, Random random) throws SQLException {
        String delivery = one(statement, "select id from {s}.event_deliveries" + OLDEST + random.nextInt(200));
        String event = one(statement, "select event_id from {s}.event_deliveries where id = '" + delivery + "'");
        String size = one(
                statement,
                "select octet_length(raw)::text from {s}.events where id = '" + event + "' for no key update");
        String status = one(
                statement, "select status from {s}.event_deliveries where id = '" + delivery + "' for no key update");
        if (size.isEmpty() || status.isEmpty()) {
            return;
        }
        String sign = status.equals("Success") ? " - " : " + ";
        statement.executeUpdate(fixture.sql("update {s}.event_deliveries set status = '"
                + (status.equals("Success") ? "Failure" : "Success") + "' where id = '" + delivery + "'"));
        statement.executeUpdate(
                fixture.sql("update {s}.expected set sent = sent" + sign + "1, sent_bytes = sent_bytes" + sign + size));
    }

    /** The first column of the first row; empty if there is none. */
    private String one(Statement statement, String query) throws SQLException {
        try (ResultSet row = statement.executeQuery(fixture.sql(query))) {
            return row.next() ? String.valueOf(row.getString(1)) : "";
        }
    }

    private void read() {
        RollupFigureQuery rolled =
                RollupFigureQuery.over(sql, ProjectScope.ALIVE).always();
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            while (!over.get()) {
                CombinedQuery.Totals figure =
                        rolled.execute(connection, MONTH).orElseThrow().totals().orElseThrow();
                CombinedQuery.Totals expected = expected(statement);
                if (!figure.equals(expected)) {
                    mismatches.add(figure + " instead of " + expected);
                }
                reads.incrementAndGet();
                connection.commit();
            }
            connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private CombinedQuery.Totals expected(Statement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery(fixture.sql("select * from {s}.expected"))) {
            row.next();
            return new CombinedQuery.Totals(
                    new UsageMetrics(EVENTS, row.getLong("received_bytes")),
                    new UsageMetrics(row.getLong("sent"), row.getLong("sent_bytes")));
        }
    }
}
