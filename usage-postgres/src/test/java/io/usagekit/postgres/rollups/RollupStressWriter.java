package io.usagekit.postgres.rollups;

import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;

/** Makes random changes of every kind to a host's rows. Thread-safe. */
final class RollupStressWriter {

    /** Events {@code a0} to {@code a499}; all writers deliver and change the same one at a time. */
    static final int HOT_EVENTS = 500;

    private static final long HOT_NANOS = TimeUnit.MILLISECONDS.toNanos(150);
    private static final Set<String> RETRIABLE = Set.of("40001", "40P01");

    private final DataSource pool;
    private final UnaryOperator<String> schemas;
    private final ManualClock clock;
    private final AtomicInteger projects;
    private final int organisations;
    private final BooleanSupplier stopped;
    private final AtomicLong ids = new AtomicLong();
    private final AtomicLong commits = new AtomicLong();

    /**
     * @param schemas puts the names of the schemas into a statement
     * @param projects there are {@code p0} up to this one already
     * @param organisations new projects belong to {@code org-0} up to this one
     */
    RollupStressWriter(
            DataSource pool,
            UnaryOperator<String> schemas,
            ManualClock clock,
            int projects,
            int organisations,
            BooleanSupplier stopped) {
        this.pool = pool;
        this.schemas = schemas;
        this.clock = clock;
        this.projects = new AtomicInteger(projects);
        this.organisations = organisations;
        this.stopped = stopped;
    }

    /** How many transactions were committed. */
    long commits() {
        return commits.get();
    }

    /** Writes until stopped; called by several threads, each with a random of its own. */
    void write(Random random) {
        while (!stopped.getAsBoolean()) {
            try (Connection connection = pool.getConnection()) {
                connection.setTransactionIsolation(
                        random.nextInt(3) == 0
                                ? Connection.TRANSACTION_REPEATABLE_READ
                                : Connection.TRANSACTION_READ_COMMITTED);
                connection.setAutoCommit(false);
                try {
                    transaction(connection, random);
                } catch (SQLException e) {
                    if (!RETRIABLE.contains(String.valueOf(e.getSQLState()))) {
                        throw new AssertionError(e.getMessage(), e);
                    }
                } finally {
                    connection.rollback();
                    connection.setAutoCommit(true);
                    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                }
            } catch (SQLException e) {
                throw new AssertionError(e.getMessage(), e);
            }
        }
    }

    private void transaction(Connection connection, Random random) throws SQLException {
        int operations = 1 + random.nextInt(4);
        for (int i = 0; i < operations; i++) {
            if (random.nextInt(5) == 0) {
                Savepoint savepoint = connection.setSavepoint();
                operation(connection, random);
                if (random.nextBoolean()) {
                    connection.rollback(savepoint);
                }
            }
            operation(connection, random);
            if (random.nextInt(3) == 0) {
                // Sometimes open for longer than an hour of the fast clock.
                LockSupport.parkNanos(
                        TimeUnit.MILLISECONDS.toNanos(random.nextInt(random.nextInt(12) == 0 ? 1_500 : 60)));
            }
        }
        if (random.nextInt(6) > 0) {
            connection.commit();
            commits.incrementAndGet();
        }
    }

    private void operation(Connection connection, Random random) throws SQLException {
        String project = "'p" + random.nextInt(projects.get()) + "'";
        String at = "timestamptz '" + time(random) + "'";
        String someEvents = some(random, "{s}.events");
        String someDeliveries = some(random, "{s}.event_deliveries");
        String id = "n" + ids.incrementAndGet();
        String sql = switch (random.nextInt(21)) {
            case 0, 1 -> insertEvent(id, project, random, at);
            case 2 ->
                "insert into {s}.events select '" + id + "-' || n, " + project + ", repeat('é', n), null, " + at
                        + " + n * interval '3 minutes', null from generate_series(1, 12) n";
            case 3, 4 -> insertDelivery(id, project, at, someEvents);
            case 5 ->
                "insert into {s}.event_deliveries select '" + id
                        + "-' || row_number() over (), project_id, id, 'Success', " + at
                        + " from {s}.events where id in " + some(random, "{s}.events");
            case 6 -> "update {s}.event_deliveries set status = 'Success' where id in " + someDeliveries;
            case 7 -> "update {s}.event_deliveries set status = 'Failure' where id in " + someDeliveries;
            case 8 -> "update {s}.events set deleted_at = now() where id in " + someEvents;
            case 9 -> "update {s}.events set deleted_at = null where id in " + someEvents;
            case 10 -> "delete from {s}.event_deliveries where id in " + someDeliveries;
            case 11 -> "delete from {s}.events where id in " + someEvents;
            case 12 -> "update {s}.events set project_id = " + project + " where id in " + someEvents;
            case 13 -> "update {s}.event_deliveries set project_id = " + project + " where id in " + someDeliveries;
            case 14 -> "update {s}.events set raw = repeat('z', " + random.nextInt(50) + ") where id in " + someEvents;
            case 15 -> "update {s}.event_deliveries set created_at = " + at + " where id in " + someDeliveries;
            case 16, 17, 18 ->
                "insert into {s}.event_deliveries values ('" + id + "', " + project + ", '" + hot() + "', 'Success', "
                        + at + ")";
            case 19 -> "update {s}.events set raw = repeat('z', " + random.nextInt(50) + ") where id = '" + hot() + "'";
            default -> rare(random, id);
        };
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate(schemas.apply(sql));
        }
        if (sql.startsWith("update {s}.events set raw")) {
            // Long enough for other writers to deliver the event, and for the worker to roll their hour.
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(400)));
        }
    }

    private static String insertEvent(String id, String project, Random random, String at) {
        return "insert into {s}.events values ('" + id + "', " + project + ", repeat('x', " + random.nextInt(40)
                + "), '\\xff', " + at + ", null)";
    }

    private static String insertDelivery(String id, String project, String at, String someEvents) {
        return "insert into {s}.event_deliveries select '" + id + "', " + project + ", id, 'Success', " + at
                + " from {s}.events where id in " + someEvents + " limit 1";
    }

    /** Rare changes: to projects, to deliveries without an event, and to an event's time. */
    private String rare(Random random, String id) {
        return switch (random.nextInt(4)) {
            case 0 ->
                "insert into {s}.projects values ('p" + projects.getAndIncrement() + "', 'org-"
                        + random.nextInt(organisations) + "', null)";
            case 1 ->
                "update {s}.projects set deleted_at = case when deleted_at is null then now() end where id = 'p"
                        + random.nextInt(projects.get()) + "'";
            case 2 ->
                "insert into {s}.event_deliveries values ('" + id + "', 'p0', 'n" + (ids.get() + random.nextInt(20))
                        + "', 'Success', '" + time(random) + "')";
            default ->
                "update {s}.events set created_at = created_at - interval '50 minutes' where id in "
                        + some(random, "{s}.events");
        };
    }

    /** Ids of up to three rows; writers often choose the same ones. */
    private static String some(Random random, String table) {
        return "(select id from " + table + " where id >= '" + (random.nextInt(4) == 0 ? "h" : "n") + random.nextInt(10)
                + random.nextInt(10) + "' order by id limit " + (1 + random.nextInt(3)) + ")";
    }

    /** Mostly now; sometimes up to two days ago. */
    private Instant time(Random random) {
        Instant now = clock.instant();
        return random.nextInt(4) == 0
                ? now.minus(random.nextLong(48L * 3_600_000), ChronoUnit.MILLIS)
                : now.minus(random.nextLong(2_000_000), ChronoUnit.MILLIS);
    }

    /**
     * The current hot event, the same for all writers: they deliver it and change its size while few hours have deliveries of it.
     * Hot events are never deleted.
     */
    private static String hot() {
        return "a" + Math.floorMod(System.nanoTime() / HOT_NANOS, HOT_EVENTS);
    }
}
