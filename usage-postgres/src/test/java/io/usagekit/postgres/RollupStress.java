package io.usagekit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Writers that do everything that a host may do to its rows, two workers, and readers that compare the figure from roll-ups with
 * that of the combined query in one snapshot, all at once. The worker's clock runs fast, so that hours end all the time.
 */
final class RollupStress implements AutoCloseable {

    /** What to leave out, to see that it is missed. */
    enum Variant {
        /** Nothing. */
        WHOLE,
        /** Hours are rolled without waiting for transactions that may still write to them unmarked. */
        NO_WAIT,
        /** An hour is rolled in READ COMMITTED: its marks go by a later snapshot than its rows were seen by. */
        READ_COMMITTED,
        /** A mark of another transaction does for one's own. */
        SHARED_MARKS,
        /** A changed size marks the hours of the deliveries that the changing transaction sees. */
        NO_SIZE_NOTES
    }

    private static final int WRITERS = 8;
    private static final int READERS = 3;
    private static final int ORGANISATIONS = 4;
    private static final int PROJECTS = 10;
    private static final int HOT_EVENTS = 500;
    private static final long HOT_NANOS = TimeUnit.MILLISECONDS.toNanos(150);
    private static final Instant BEGIN = Instant.parse("2026-03-17T00:00:00Z");
    private static final Set<String> TO_BE_TRIED_AGAIN = Set.of("40001", "40P01");

    private final long seed;
    private final Variant variant;
    private final HikariDataSource pool = Database.newPool(WRITERS + READERS + 4);
    private final String schema = Database.newSchema("stress");
    private final ManualClock clock = ManualClock.at(BEGIN.toString());
    private final PostgresRollups rollups;
    private final TableMapping mapping = TableMapping.gateway(schema);

    private final AtomicLong ids = new AtomicLong();
    private final AtomicInteger projects = new AtomicInteger(PROJECTS);
    private final AtomicLong commits = new AtomicLong();
    private final AtomicLong reads = new AtomicLong();
    private final AtomicLong readsOfMarked = new AtomicLong();
    private final AtomicLong readsOfRolled = new AtomicLong();
    private final AtomicLong advances = new AtomicLong();
    private final AtomicLong rerolled = new AtomicLong();
    private final Queue<String> mismatches = new ConcurrentLinkedQueue<>();
    private volatile boolean stopped;

    RollupStress(long seed, Variant variant) {
        this.seed = seed;
        this.variant = variant;
        this.rollups =
                PostgresRollups.builder(pool).mapping(mapping).clock(clock).build();
    }

    /** What came of it. */
    record Result(
            long commits,
            long reads,
            long readsOfRolled,
            long readsOfMarked,
            long advances,
            long rerolled,
            List<String> mismatches) {

        @Override
        public String toString() {
            return String.format(
                    Locale.ROOT,
                    "%,d commits, %,d reads (%,d of rolled hours, %,d of marked ones), %,d advances, %,d hours rolled anew, %,d"
                            + " mismatches",
                    commits,
                    reads,
                    readsOfRolled,
                    readsOfMarked,
                    advances,
                    rerolled,
                    mismatches.size());
        }
    }

    private Result result() {
        return new Result(
                commits.get(),
                reads.get(),
                readsOfRolled.get(),
                readsOfMarked.get(),
                advances.get(),
                rerolled.get(),
                List.copyOf(mismatches));
    }

    /** When to stop. */
    interface Enough {
        boolean is(Duration elapsed, Result soFar);
    }

    /** Runs until it is enough; and then, with the writers gone, until all is rolled anew, and compares once more. */
    Result run(Enough enough) throws Exception {
        create();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS + READERS + 2);
        List<Future<?>> done = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Random random = new Random(seed + i);
            done.add(threads.submit(() -> write(random)));
        }
        for (int i = 0; i < READERS; i++) {
            Random random = new Random(seed + 100 + i);
            done.add(threads.submit(() -> read(random)));
        }
        for (int i = 0; i < 2; i++) {
            done.add(threads.submit(this::work));
        }
        try {
            long began = System.nanoTime();
            while (!enough.is(Duration.ofNanos(System.nanoTime() - began), result())
                    && done.stream().noneMatch(Future::isDone)) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(400));
                clock.advance(Duration.ofMinutes(30));
            }
        } finally {
            stopped = true;
            threads.shutdown();
        }
        for (Future<?> thread : done) {
            thread.get(60, TimeUnit.SECONDS);
        }
        if (variant == Variant.WHOLE) {
            settle();
        }
        return result();
    }

    private void create() {
        execute(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.projects select 'p' || n, 'org-' || n % " + ORGANISATIONS
                        + ", null from generate_series(0, " + (PROJECTS - 1) + ") n",
                "insert into {s}.events select 'h' || n, 'p' || n % " + PROJECTS
                        + ", repeat('x', n % 30), '', timestamptz '" + BEGIN
                        + "' - n * interval '7 minutes', null from generate_series(1, 2000) n",
                "insert into {s}.event_deliveries select 'h' || n, 'p' || n % " + PROJECTS
                        + ", 'h' || n, 'Success', timestamptz '" + BEGIN
                        + "' - n * interval '7 minutes' from generate_series(1, 2000) n");
        execute("insert into {s}.events select 'a' || n, 'p0', 'hot', '', '" + BEGIN
                + "', null from generate_series(0, " + (HOT_EVENTS - 1) + ") n");
        rollups.install();
        if (variant == Variant.SHARED_MARKS) {
            execute(
                    sharedMarks("event_inserted", "(new.project_id, new.created_at)"),
                    sharedMarks("event_deleted", "(old.project_id, old.created_at)"),
                    sharedMarks("event_updated", "(old.project_id, old.created_at), (new.project_id, new.created_at)"),
                    sharedMarks("delivery_inserted", "(new.project_id, new.created_at)"),
                    sharedMarks("delivery_deleted", "(old.project_id, old.created_at)"),
                    sharedMarks(
                            "delivery_updated", "(old.project_id, old.created_at), (new.project_id, new.created_at)"));
        } else if (variant == Variant.NO_SIZE_NOTES) {
            execute("""
                    create or replace function {r}.event_size_changed() returns trigger
                    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
                    begin
                        insert into {r}.mark (project_id, bucket)
                        select project_id, date_trunc('hour', created_at, 'UTC')
                        from {s}.event_deliveries where event_id = old.id;
                        return null;
                    end $$
                    """);
        }
    }

    /**
     * The event of the moment, the same for all: it is delivered, and changes its size, and few hours know it yet. None of these
     * is ever deleted.
     */
    private static String hot() {
        return "a" + Math.floorMod(System.nanoTime() / HOT_NANOS, HOT_EVENTS);
    }

    private static String sharedMarks(String function, String changed) {
        return """
                create or replace function {r}.%s() returns trigger
                language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
                begin
                    insert into {r}.mark (project_id, bucket)
                    select distinct c.project_id, date_trunc('hour', c.created_at, 'UTC')
                    from (values %s) as c (project_id, created_at)
                    where not exists (
                        select from {r}.mark m
                        where m.project_id = c.project_id and m.bucket = date_trunc('hour', c.created_at, 'UTC')
                    );
                    return null;
                end $$
                """.formatted(function, changed);
    }

    private void work() {
        EnumSet<RollupSteps.Guard> guards = EnumSet.allOf(RollupSteps.Guard.class);
        if (variant == Variant.NO_WAIT) {
            guards.remove(RollupSteps.Guard.WAIT_FOR_WRITERS);
        } else if (variant == Variant.READ_COMMITTED) {
            guards.remove(RollupSteps.Guard.ONE_SNAPSHOT);
        }
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMillis(300))
                .stepBudget(Duration.ofMillis(50))
                .guards(guards)
                .probe((step, point) -> {
                    if (step.equals("advance") && point == RollupSteps.Point.COMMITTED) {
                        advances.incrementAndGet();
                    }
                })
                .build()) {
            while (!stopped) {
                rerolled.addAndGet(worker.runOnce().rerolledHours());
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
    }

    private void read(Random random) {
        RollupReads both = new RollupReads(pool, rollups, mapping);
        try (Connection connection = pool.getConnection()) {
            connection.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
            connection.setAutoCommit(false);
            while (!stopped) {
                for (int i = 0; i < 3 && !stopped; i++) {
                    UsageKey key = new UsageKey("org-" + random.nextInt(ORGANISATIONS), window(random));
                    compare(both.compare(connection, key), key);
                }
                connection.rollback();
            }
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private void compare(RollupReads.Pair pair, UsageKey key) {
        long hours = Duration.between(key.period().start(), key.period().end()).toHours();
        reads.incrementAndGet();
        if (pair.markedHours() > 0) {
            readsOfMarked.incrementAndGet();
        }
        if (pair.liveHours() < hours) {
            readsOfRolled.incrementAndGet();
        }
        if (!pair.isEqual()) {
            mismatches.add(key + ": " + pair);
        }
    }

    /** Up to three days around now, with edges on hours, beside them, and anywhere. */
    private UsagePeriod window(Random random) {
        Instant start = edge(random);
        Instant end = edge(random);
        while (start.equals(end)) {
            end = edge(random);
        }
        return start.isBefore(end) ? UsagePeriod.between(start, end) : UsagePeriod.between(end, start);
    }

    private Instant edge(Random random) {
        Instant any = clock.instant()
                .minus(60, ChronoUnit.HOURS)
                .plus(random.nextLong(72L * 3_600_000_000L), ChronoUnit.MICROS);
        return switch (random.nextInt(3)) {
            case 0 -> any.truncatedTo(ChronoUnit.HOURS);
            case 1 -> any.truncatedTo(ChronoUnit.HOURS).plus(random.nextInt(3) - 1, ChronoUnit.MICROS);
            default -> any;
        };
    }

    private void write(Random random) {
        while (!stopped) {
            try (Connection connection = pool.getConnection()) {
                connection.setTransactionIsolation(
                        random.nextInt(3) == 0
                                ? Connection.TRANSACTION_REPEATABLE_READ
                                : Connection.TRANSACTION_READ_COMMITTED);
                connection.setAutoCommit(false);
                try {
                    transaction(connection, random);
                } catch (SQLException e) {
                    if (!TO_BE_TRIED_AGAIN.contains(String.valueOf(e.getSQLState()))) {
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
                // Open for longer than an hour of the fast clock takes, now and then.
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
            statement.executeUpdate(sql(sql));
        }
        if (sql.startsWith("update {s}.events set raw")) {
            // Long enough for others to deliver the event, and for their hour to be rolled.
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

    /** What happens to projects, and rows that have no event (yet). */
    private String rare(Random random, String id) {
        return switch (random.nextInt(4)) {
            case 0 ->
                "insert into {s}.projects values ('p" + projects.getAndIncrement() + "', 'org-"
                        + random.nextInt(ORGANISATIONS) + "', null)";
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

    /** Ids of up to three rows, about the same for all writers at a time, so that they meet. */
    private static String some(Random random, String table) {
        return "(select id from " + table + " where id >= '" + (random.nextInt(4) == 0 ? "h" : "n") + random.nextInt(10)
                + random.nextInt(10) + "' order by id limit " + (1 + random.nextInt(3)) + ")";
    }

    /** Mostly now; sometimes late by up to two days. */
    private Instant time(Random random) {
        Instant now = clock.instant();
        return random.nextInt(4) == 0
                ? now.minus(random.nextLong(48L * 3_600_000), ChronoUnit.MILLIS)
                : now.minus(random.nextLong(2_000_000), ChronoUnit.MILLIS);
    }

    /** The writers are gone: once all is rolled anew nothing is marked, and everything agrees. */
    private void settle() {
        try (RollupWorker worker = rollups.worker().settle(Duration.ZERO).build()) {
            for (int i = 0; !worker.runOnce().finished(); i++) {
                if (i == 100) {
                    throw new AssertionError("the worker doesn't come to an end: " + rollups.status());
                }
            }
        }
        RollupReads both = new RollupReads(pool, rollups, mapping);
        Random random = new Random(seed - 1);
        for (int i = 0; i < 200; i++) {
            UsageKey key = new UsageKey("org-" + i % ORGANISATIONS, window(random));
            RollupReads.Pair pair = both.compare(key);
            compare(pair, key);
            if (pair.markedHours() > 0) {
                mismatches.add(key + " is still marked: " + pair);
            }
        }
    }

    private String sql(String sql) {
        return sql.replace("{s}", Identifiers.quote(schema)).replace("{r}", Identifiers.quote(rollups.schema()));
    }

    private void execute(String... statements) {
        for (String statement : statements) {
            Database.execute(sql(statement));
        }
    }

    @Override
    public void close() {
        rollups.remove();
        Database.dropSchema(schema);
        pool.close();
    }
}
