package io.usagekit.postgres.internal.cache;

import io.usagekit.UsageCache.Condition;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.cache.CacheCounters.Count;
import io.usagekit.postgres.internal.driver.DriverConnection;
import io.usagekit.postgres.internal.workers.DaemonThreads;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Receives wake-ups on a connection of its own, from a daemon thread. It makes sure that the connection answers, replaces one that doesn't,
 * and runs all actions after each connect, since messages sent before are lost. Behind a pooler that shares connections it ends, and says so.
 */
final class WakeUpListener implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    /** How long the driver waits at a time: after which the end is noticed. */
    private static final int WAIT_MILLIS = 200;

    private static final long PING_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);
    private static final long CLOSE_MILLIS = TimeUnit.SECONDS.toMillis(2);

    private final Jdbc jdbc;
    private final CacheSql sql;
    private final WakeUps wakeUps;
    private final Duration timeout;
    private final CacheCounters counters;
    private final CountDownLatch ready = new CountDownLatch(1);
    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread thread = DaemonThreads.create("usagekit-postgres-listen", this::run);

    /** Of the thread only. */
    private Duration pause = FIRST_PAUSE;

    private boolean failing;

    private WakeUpListener(Jdbc jdbc, CacheSql sql, WakeUps wakeUps, Duration timeout, CacheCounters counters) {
        this.jdbc = jdbc;
        this.sql = sql;
        this.wakeUps = wakeUps;
        this.timeout = timeout;
        this.counters = counters;
    }

    /** Starts one, and waits until it listens or has failed, at most for the timeout. */
    static WakeUpListener start(Jdbc jdbc, CacheSql sql, WakeUps wakeUps, Duration timeout, CacheCounters counters) {
        WakeUpListener listener = new WakeUpListener(jdbc, sql, wakeUps, timeout, counters);
        listener.thread.start();
        try {
            var unused = listener.ready.await(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return listener;
    }

    private void run() {
        try {
            while (session() && !closed.await(pause.toMillis(), TimeUnit.MILLISECONDS)) {
                pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
            }
        } catch (InterruptedException e) {
            LOG.debug("the thread that listens for wake-ups was interrupted, and ends");
        }
    }

    /** Returns whether to connect again. */
    private boolean session() {
        try {
            return jdbc.session(this::listen);
        } catch (Throwable e) { // also an Error, after which nothing would be received for good
            if (!failing) {
                LOG.warn("wake-ups can't be received; loads that wait for other processes poll: {}", e.getMessage(), e);
            }
            failing = true;
            counters.listening(Condition.DOWN);
            return true;
        } finally {
            ready.countDown();
        }
    }

    private boolean listen(Connection connection) throws SQLException {
        DriverConnection driver = DriverConnection.of(connection)
                .orElseThrow(() -> new SQLException("the connection isn't one of PostgreSQL's own driver"));
        if (Jdbc.isShared(connection)) {
            counters.listening(Condition.DOWN);
            LOG.warn(
                    "wake-ups can't be received through a pooler that shares connections between transactions; loads that"
                            + " wait for other processes poll; pass a data source that connects to PostgreSQL itself to listenOn");
            return false;
        }
        try {
            connection.setNetworkTimeout(Runnable::run, Math.toIntExact(timeout.toMillis()));
            sql.run(connection, "listen");
            listening();
            long answered = System.nanoTime();
            while (closed.getCount() > 0) {
                for (String message : driver.notifications(sql.channel(), WAIT_MILLIS)) {
                    counters.increment(Count.WAKE_UPS);
                    wakeUps.wake(message);
                }
                if (System.nanoTime() - answered >= PING_NANOS) {
                    sql.call(connection, "ping").answer();
                    answered = System.nanoTime();
                }
            }
            sql.run(connection, "unlisten");
            counters.listening(Condition.UNKNOWN);
            return false;
        } catch (Throwable e) {
            if (!connection.isClosed()) {
                Jdbc.abort(connection); // it may still listen
            }
            throw e;
        }
    }

    private void listening() {
        if (failing) {
            LOG.info("wake-ups are received again");
        }
        failing = false;
        pause = FIRST_PAUSE;
        counters.listening(Condition.UP);
        wakeUps.wakeAll();
        ready.countDown();
    }

    /** Ends it, and waits until the connection is given back, at most 2 s. Idempotent. */
    @Override
    public void close() {
        closed.countDown();
        if (Thread.currentThread() == thread) {
            return;
        }
        try {
            thread.join(CLOSE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
