package io.usagekit.postgres.testing;

import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/** A host that inserts an event and reads it again, a hundred times a second, and the longest time that one of these took. */
public final class Traffic implements AutoCloseable {

    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final CountDownLatch hasBegun = new CountDownLatch(1);
    private final Future<?> running;
    private volatile boolean closed;
    private volatile long longestNanos;

    private Traffic(DataSource dataSource, String schema) {
        this.running = thread.submit(() -> {
            try {
                run(dataSource, Identifiers.quote(schema));
                return null;
            } finally {
                hasBegun.countDown();
            }
        });
    }

    /** Starts it on the tables {@code projects} and {@code events} of a schema, and returns once it has inserted and read. */
    public static Traffic on(DataSource dataSource, String schema) throws InterruptedException {
        Traffic traffic = new Traffic(dataSource, schema);
        if (!traffic.hasBegun.await(1, TimeUnit.MINUTES)) {
            throw new AssertionError("there was no traffic");
        }
        return traffic;
    }

    private void run(DataSource dataSource, String s) throws SQLException {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            while (!closed) {
                String id = Identifiers.literal(UUID.randomUUID().toString());
                long began = System.nanoTime();
                statement.execute("insert into " + s + ".projects (id, organisation_id) values (" + id + ", 'o')");
                statement.execute("insert into " + s + ".events (id, project_id, created_at) values (" + id + ", " + id
                        + ", now())");
                statement.execute("select id from " + s + ".events where id = " + id);
                longestNanos = Math.max(longestNanos, System.nanoTime() - began);
                hasBegun.countDown();
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        }
    }

    /** Ends it, and returns the longest time that an insertion and its reading took. */
    public Duration end() throws Exception {
        closed = true;
        running.get(1, TimeUnit.MINUTES);
        return Duration.ofNanos(longestNanos);
    }

    @Override
    public void close() {
        closed = true;
        thread.shutdown();
    }
}
