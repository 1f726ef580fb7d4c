package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An installation into a schema of tables, or a removal: all of its phases run on one connection, while the {@link AdvisoryLock} of
 * that schema's installations is held from the first phase to the last. So no two of them wait for each other, and none sees an unfinished
 * object of another one. Not thread-safe.
 */
public final class Installation {

    /** What is done while the lock is held. */
    @FunctionalInterface
    public interface Work<T> {
        /** Runs all phases. */
        T run(Installation installation) throws SQLException;
    }

    /** How locks of the host's tables are waited for. */
    public static final LockRetrier.Pace PACE = LockRetrier.Pace.DEFAULT.withBudget(Duration.ofMinutes(2));

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");
    private static final long POLL_MILLIS = 100;

    /** Behind a pooler, where the lock needs a connection of its own. */
    private static final int SHARED_CONNECTIONS = 2;

    private final Connection connection;
    private final LockRetrier locks;

    private Installation(Connection connection) {
        this.connection = connection;
        this.locks = LockRetrier.on(connection, PACE);
    }

    /**
     * Runs work once no other session installs into the schema, however long that takes.
     *
     * @param schema of the tables, not quoted
     * @throws SQLException as the work does, or if the thread is interrupted while it waits
     */
    public static <T> T run(Jdbc jdbc, String schema, Work<T> work) throws SQLException {
        String quoted = Identifiers.quote(schema);
        if (jdbc.session(Jdbc::isShared)) {
            jdbc.requireConnections(SHARED_CONNECTIONS);
        }
        AtomicBoolean isReported = new AtomicBoolean();
        return lock(quoted).hold(jdbc, () -> awaitOther(quoted, isReported), holder -> {
            if (holder.isPresent()) {
                return work.run(new Installation(holder.get()));
            }
            return jdbc.session(connection -> work.run(new Installation(connection)));
        });
    }

    private static AdvisoryLock lock(String schema) {
        return new AdvisoryLock("installation in " + schema, "the installation in the schema " + schema);
    }

    /**
     * Waits before the next attempt. The lock is polled: a session that waits in a statement holds a snapshot, for which another
     * session's {@code create index concurrently} would wait in turn.
     */
    private static void awaitOther(String schema, AtomicBoolean isReported) throws SQLException {
        if (isReported.compareAndSet(false, true)) {
            LOG.info("waiting until another session has finished its installation in the schema {}", schema);
        }
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SQLException("interrupted while another session installs in the schema " + schema, e);
        }
    }

    /** Returns the connection, in auto-commit mode: for reading the catalog, and for what blocks no other session. */
    public Connection connection() {
        return connection;
    }

    /** Returns how locks are acquired in the transactions of {@link #change}. */
    public LockRetrier locks() {
        return locks;
    }

    /**
     * Runs a transaction again until it acquires its locks.
     *
     * @param object that it locks, for the message
     * @throws SQLException also if it hasn't acquired them within the budget
     */
    public <T> T change(String object, Jdbc.Work<T> work) throws SQLException {
        return locks.run(object, work);
    }
}
