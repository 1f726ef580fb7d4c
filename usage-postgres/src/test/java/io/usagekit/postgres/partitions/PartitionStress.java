package io.usagekit.postgres.partitions;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Hosts that write to the library's own tables, each to rows of its own, and record what is expected: in the database, in the transaction
 * that writes, the expected totals; and in memory, the expected rows. Readers compare figures and expected totals in one snapshot.
 */
final class PartitionStress implements PartitionProgress, AutoCloseable {

    private static final int WRITERS = 4;
    private static final int MOST_READERS = 2;
    private static final int ROWS_AT_FIRST = 300;
    private static final Instant FIRST = Instant.parse("2026-01-10T00:00:00Z");
    private static final UsageKey QUARTER = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2026-01-01T00:00:00Z"), Instant.parse("2026-04-01T00:00:00Z")));

    private final long seed;
    private final int readers;
    private final HikariDataSource pool = Database.newPool(WRITERS + MOST_READERS + 4);
    private final PartitionFixture tables = PartitionFixture.create(pool, "stress");
    private final ExecutorService threads = Executors.newFixedThreadPool(WRITERS + MOST_READERS);
    private final List<CompletableFuture<?>> running = new ArrayList<>();
    private final Queue<String> mismatches = new ConcurrentLinkedQueue<>();
    private final AtomicLong commits = new AtomicLong();
    private final AtomicLong serializationFailures = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong cancelled = new AtomicLong();
    private final AtomicLong cutOvers = new AtomicLong();
    private volatile boolean stopped;
    private Duration longest = Duration.ZERO;

    private PartitionStress(long seed, int readers) {
        this.seed = seed;
        this.readers = readers;
    }

    /** With readers of which one reads at any time: a flaw is seen soon, and cut-overs are tried many times. */
    static PartitionStress withOverlappingReaders(long seed) {
        return new PartitionStress(seed, MOST_READERS);
    }

    /** With one reader, between whose transactions a cut-over fits. */
    static PartitionStress withOneReader(long seed) {
        return new PartitionStress(seed, 1);
    }

    @Override
    public void waiting(List<String> blockers) {
        cancelled.incrementAndGet();
    }

    @Override
    public void cutOver(String table, Duration locked) {
        cutOvers.incrementAndGet();
        longest = locked.compareTo(longest) > 0 ? locked : longest;
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%,d commits, %,d reads, %,d cut-overs (%,d cancelled attempts, %,d ms locked at most), %,d serialization failures, %,d mismatches",
                commits.get(),
                reads.get(),
                cutOvers.get(),
                cancelled.get(),
                longest.toMillis(),
                serializationFailures.get(),
                mismatches.size());
    }

    /** The data source of the hosts. */
    DataSource dataSource() {
        return pool;
    }

    /** Starts to build partitions of the tables over a data source. */
    PostgresPartitions.Builder partitions(DataSource dataSource) {
        return PostgresPartitions.builder(dataSource)
                .mapping(tables.mapping)
                .clock(tables.clock)
                .batchesOf(150);
    }

    List<String> mismatches() {
        return List.copyOf(mismatches);
    }

    void start() {
        tables.run(
                "truncate {s}.events, {s}.event_deliveries, {s}.notes",
                "create table {s}.expected_totals (writer int primary key, received bigint, received_bytes bigint, sent bigint, sent_bytes bigint)");
        List<Writer> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            tables.run("insert into {s}.expected_totals values (" + i + ", 0, 0, 0, 0)");
            writers.add(new Writer(i, i % 2 == 0 ? "read committed" : "repeatable read"));
        }
        writers.forEach(writer -> writer.write(ROWS_AT_FIRST));
        tables.installRollups();
        writers.forEach(
                writer -> running.add(CompletableFuture.runAsync(() -> writer.write(Integer.MAX_VALUE), threads)));
        for (int i = 0; i < readers; i++) {
            Random random = new Random(seed + 100 + i);
            running.add(CompletableFuture.runAsync(() -> read(random), threads));
        }
        this.writers = writers;
    }

    private List<Writer> writers = List.of();

    /** Stops the hosts and compares the tables with the expected rows. */
    List<String> stop() {
        stopped = true;
        running.forEach(CompletableFuture::join);
        Map<String, String> expected = new TreeMap<>();
        writers.forEach(writer -> expected.putAll(writer.rows));
        Map<String, String> found = new TreeMap<>();
        tables.column(
                        "select 'e ' || id || '=' || raw || ' ' || extract(epoch from created_at)::bigint from {s}.events"
                                + " union all select 'd ' || id || '=' || event_id || ' ' || extract(epoch from created_at)::bigint from {s}.event_deliveries")
                .forEach(row -> found.put(row.substring(0, row.indexOf('=')), row.substring(row.indexOf('=') + 1)));
        if (!found.equals(expected)) {
            Map<String, String> wrong = new TreeMap<>(expected);
            wrong.entrySet().removeAll(found.entrySet());
            mismatches.add(
                    "rows that aren't as written: " + wrong + ", of " + expected.size() + "; found " + found.size());
        }
        if (mismatches.isEmpty() && !tables.read(QUARTER).isEqual()) {
            mismatches.add("from roll-ups: " + tables.read(QUARTER));
        }
        return mismatches();
    }

    private static final class Aborted extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /** A host that writes to rows of its own. */
    private final class Writer {
        private final int number;
        private final String isolation;
        private final Random random;
        private final Map<String, String> rows = new HashMap<>();
        private final List<String> events = new ArrayList<>();
        private int last;

        Writer(int number, String isolation) {
            this.number = number;
            this.isolation = isolation;
            this.random = new Random(seed + number);
        }

        void write(int times) {
            try (Connection connection = pool.getConnection();
                    Statement statement = connection.createStatement()) {
                connection.setAutoCommit(false);
                for (int i = 0; i < times && !stopped; i++) {
                    transaction(connection, statement, times < Integer.MAX_VALUE);
                    if (times == Integer.MAX_VALUE) {
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(15)));
                    }
                }
                connection.setAutoCommit(true);
            } catch (SQLException e) {
                throw new AssertionError(e.getMessage(), e);
            }
        }

        private void transaction(Connection connection, Statement statement, boolean onlyInsert) throws SQLException {
            Map<String, String> rowsBefore = new HashMap<>(rows);
            List<String> eventsBefore = new ArrayList<>(events);
            try {
                statement.execute("set transaction isolation level " + isolation);
                int changes = 1 + random.nextInt(2);
                for (int i = 0; i < changes; i++) {
                    change(statement, onlyInsert ? 0 : random.nextInt(7));
                    if (!onlyInsert && random.nextInt(4) == 0) {
                        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(6)));
                    }
                }
                if (random.nextInt(10) == 0) {
                    throw new Aborted();
                }
                connection.commit();
                commits.incrementAndGet();
            } catch (SQLException e) {
                connection.rollback();
                undo(rowsBefore, eventsBefore);
                if (!"40001".equals(e.getSQLState()) || isolation.equals("read committed")) {
                    mismatches.add("a host failed: " + e.getSQLState() + " " + e.getMessage());
                }
                serializationFailures.incrementAndGet();
            } catch (Aborted e) {
                connection.rollback();
                undo(rowsBefore, eventsBefore);
            }
        }

        private void undo(Map<String, String> rowsBefore, List<String> eventsBefore) {
            rows.clear();
            rows.putAll(rowsBefore);
            events.clear();
            events.addAll(eventsBefore);
        }

        private void change(Statement statement, int kind) throws SQLException {
            if (kind < 1 || events.size() < 50 || events.isEmpty()) {
                insert(statement);
                return;
            }
            String id = events.get(random.nextInt(events.size()));
            String[] row = String.valueOf(rows.get("e " + id)).split(" ", -1);
            long deliveries = rows.containsKey("d " + id) ? 1 : 0;
            switch (kind) {
                case 1, 2 -> {
                    String raw = "y".repeat(random.nextInt(50));
                    one(statement, "update {s}.events set raw = '" + raw + "' where id = '" + id + "'");
                    rows.put("e " + id, raw + " " + row[1]);
                    long more = (long) raw.length() - row[0].length();
                    expect(statement, 0, more, 0, more * deliveries);
                }
                case 3 -> {
                    Instant at = time();
                    one(statement, "update {s}.events set created_at = '" + at + "' where id = '" + id + "'");
                    rows.put("e " + id, row[0] + " " + at.getEpochSecond());
                }
                case 4 -> {
                    if (statement
                            .executeQuery(tables.sql("select from {s}.events where id = '" + id + "'"))
                            .next()) {
                        one(statement, "update {s}.events set event_type = event_type || '.' where id = '" + id + "'");
                    } else {
                        mismatches.add("the row " + id + " isn't seen");
                    }
                }
                case 5 -> {
                    if (deliveries > 0) {
                        Instant at = time();
                        one(
                                statement,
                                "update {s}.event_deliveries set created_at = '" + at + "' where id = '" + id + "'");
                        rows.put("d " + id, id + " " + at.getEpochSecond());
                    }
                }
                default -> {
                    if (deliveries > 0) {
                        one(statement, "delete from {s}.event_deliveries where id = '" + id + "'");
                        rows.remove("d " + id);
                    }
                    one(statement, "delete from {s}.events where id = '" + id + "'");
                    rows.remove("e " + id);
                    events.remove(id);
                    expect(statement, -1, -row[0].length(), -deliveries, -deliveries * row[0].length());
                }
            }
        }

        private void insert(Statement statement) throws SQLException {
            String id = number + "_" + last++;
            String raw = "x".repeat(random.nextInt(50));
            Instant at = time();
            one(
                    statement,
                    "insert into {s}.events (id, project_id, raw, data, created_at) values ('" + id + "', 'p', '" + raw
                            + "', '', '" + at + "')");
            rows.put("e " + id, raw + " " + at.getEpochSecond());
            events.add(id);
            long deliveries = random.nextInt(2);
            if (deliveries > 0) {
                one(
                        statement,
                        "insert into {s}.event_deliveries values ('" + id + "', 'q', '" + id + "', 'Success', '" + at
                                + "')");
                rows.put("d " + id, id + " " + at.getEpochSecond());
            }
            expect(statement, 1, raw.length(), deliveries, deliveries * raw.length());
        }

        private Instant time() {
            return FIRST.plusSeconds(random.nextInt(60 * 86_400));
        }

        private void one(Statement statement, String sql) throws SQLException {
            if (statement.executeUpdate(tables.sql(sql)) != 1) {
                mismatches.add("no row was changed by " + sql);
            }
        }

        private void expect(Statement statement, long received, long receivedBytes, long sent, long sentBytes)
                throws SQLException {
            one(
                    statement,
                    "update {s}.expected_totals set received = received + " + received
                            + ", received_bytes = received_bytes + "
                            + receivedBytes + ", sent = sent + " + sent + ", sent_bytes = sent_bytes + " + sentBytes
                            + " where writer = " + number);
        }
    }

    private void read(Random random) {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            CombinedQuery combined =
                    CombinedQuery.over(TableShape.read(connection, tables.mapping), ProjectScope.ALIVE);
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            while (!stopped) {
                CombinedQuery.Totals expectedTotals = expectedTotals(statement);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(30)));
                CombinedQuery.Totals figure = combined.execute(connection, QUARTER);
                if (!figure.equals(expectedTotals)) {
                    mismatches.add(figure + " rather than " + expectedTotals);
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

    private CombinedQuery.Totals expectedTotals(Statement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery(tables.sql(
                "select sum(received), sum(received_bytes), sum(sent), sum(sent_bytes) from {s}.expected_totals"))) {
            row.next();
            return new CombinedQuery.Totals(
                    new UsageMetrics(row.getLong(1), row.getLong(2)), new UsageMetrics(row.getLong(3), row.getLong(4)));
        }
    }

    @Override
    public void close() {
        stopped = true;
        threads.shutdown();
        tables.close();
        pool.close();
    }
}
