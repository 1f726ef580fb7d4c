package io.usagekit.clickhouse;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Makes random changes to the rows of {@link StressTables}: inserts, late ones too, updates, deletions. Rests every few seconds, so that now and then
 * everything is shipped. Thread-safe.
 */
final class StressWriter {

    /** Rows that retention may delete meanwhile aren't changed: it is a minute away. */
    private static final Duration RECENT = Duration.ofDays(1);

    private static final Duration LATE = Duration.ofHours(54);
    private static final int MOST_PROJECTS = 20;

    private final StressTables tables;
    private final StressClock clock;
    private final BooleanSupplier stopped;
    private final AtomicInteger projects = new AtomicInteger(StressTables.PROJECTS);
    private final AtomicLong ids = new AtomicLong();
    private final AtomicLong commits = new AtomicLong();

    StressWriter(StressTables tables, StressClock clock, BooleanSupplier stopped) {
        this.tables = tables;
        this.clock = clock;
        this.stopped = stopped;
    }

    /** How many transactions were committed. */
    long commits() {
        return commits.get();
    }

    /** Writes until stopped, whatever is killed meanwhile; called by several threads, each with a random of its own. */
    void write(Random random) {
        while (!stopped.getAsBoolean()) {
            try (Connection connection = tables.dataSource().getConnection()) {
                connection.setAutoCommit(false);
                while (!stopped.getAsBoolean()) {
                    transaction(connection, random);
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(isResting() ? 500 : 20 + random.nextInt(200)));
                }
            } catch (SQLException e) {
                check(e);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
            }
        }
    }

    /** Throws what neither a killed server nor another writer explains. */
    static void check(SQLException e) {
        String state = String.valueOf(e.getSQLState());
        if (!state.startsWith("08") && !state.startsWith("57") && !state.startsWith("40")) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static boolean isResting() {
        return TimeUnit.MILLISECONDS.toSeconds(System.currentTimeMillis()) % 10 < 4;
    }

    private void transaction(Connection connection, Random random) throws SQLException {
        if (isResting()) {
            return;
        }
        try (Statement statement = connection.createStatement()) {
            for (int i = 0; i <= random.nextInt(4); i++) {
                statement.executeUpdate(StressTables.named(change(random)));
                if (random.nextInt(8) == 0) {
                    // Sometimes open for longer than an hour of the fast clock.
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(random.nextInt(1_200)));
                }
            }
            if (random.nextInt(8) > 0) {
                connection.commit();
                commits.incrementAndGet();
            }
        } catch (SQLException e) {
            if (!String.valueOf(e.getSQLState()).startsWith("40")) {
                throw e;
            }
        } finally {
            if (!connection.isClosed()) {
                connection.rollback();
            }
        }
    }

    private String change(Random random) {
        String project = "p" + random.nextInt(projects.get());
        String events = some(random, "events");
        String deliveries = some(random, "event_deliveries");
        return switch (random.nextInt(20)) {
            case 0, 1, 2, 3 -> insert(project, time(random, Duration.ofHours(2)), 1 + random.nextInt(3), random);
            case 4, 5 -> insert(project, time(random, LATE), 1, random);
            case 6 -> insert(project, time(random, LATE), 10, random);
            case 7, 8, 9, 10 ->
                "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) select 'd-" + nextId()
                        + "-' || id, project_id, id, 'Success', least(created_at + interval '" + random.nextInt(300)
                        + " minutes', '" + clock.instant() + "') from {s}.events where id in " + events;
            case 11 -> "update {s}.event_deliveries set status = 'Success' where id in " + deliveries;
            case 12 -> "update {s}.event_deliveries set status = 'Failure' where id in " + deliveries;
            case 13 -> "delete from {s}.event_deliveries where id in " + deliveries;
            case 14 -> "delete from {s}.events where id in " + events;
            case 15 ->
                "update {s}.events set deleted_at = case when deleted_at is null then now() end where id in " + events;
            case 16 -> "update {s}.events set project_id = '" + project + "' where id in " + events;
            case 17 -> "update {s}.events set raw = repeat('z', " + random.nextInt(50) + ") where id in " + events;
            case 18 -> "update {s}.events set created_at = created_at - interval '50 minutes' where id in " + events;
            default -> ofProjects(project, random);
        };
    }

    private String ofProjects(String project, Random random) {
        String organisation = "org-" + random.nextInt(StressTables.ORGANISATIONS);
        int next = projects.get();
        if (next < MOST_PROJECTS && projects.compareAndSet(next, next + 1)) {
            return "insert into {s}.projects (id, organisation_id) values ('p" + next + "', '" + organisation
                    + "') on conflict do nothing";
        }
        return random.nextBoolean()
                ? "update {s}.projects set organisation_id = '" + organisation + "' where id = '" + project + "'"
                : "update {s}.projects set deleted_at = case when deleted_at is null then now() end where id = '"
                        + project + "'";
    }

    private long nextId() {
        return ids.incrementAndGet();
    }

    private String insert(String project, Instant at, int events, Random random) {
        return "insert into {s}.events (id, project_id, raw, created_at) select 'e-" + nextId() + "-' || n, '" + project
                + "', repeat('x', n + " + random.nextInt(40) + "), timestamptz '" + at
                + "' - n * interval '1 minute' from generate_series(1, " + events + ") n";
    }

    private Instant time(Random random, Duration before) {
        return clock.instant().minusMillis(random.nextLong(before.toMillis()));
    }

    /** Up to three rows; writers often choose the same ones. */
    private String some(Random random, String table) {
        return "(select id from {s}." + table + " where created_at > timestamptz '"
                + clock.instant().minus(RECENT)
                + "' and left(md5(id), 1) = '" + Integer.toHexString(random.nextInt(16))
                + "' order by created_at desc, id limit "
                + (1 + random.nextInt(3)) + " for no key update skip locked)";
    }
}
