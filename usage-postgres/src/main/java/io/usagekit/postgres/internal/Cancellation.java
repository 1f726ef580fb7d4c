package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the statement that another thread runs, on whichever connection. Of one thread's work at a time; the methods that end it are
 * thread-safe.
 */
public final class Cancellation {

    private static final Logger LOG = LoggerFactory.getLogger(Cancellation.class);

    private static final long POLL_MILLIS = 100;

    /** After which a statement is cancelled again: the next one, if the first ended by itself. */
    private static final long RETRY_MILLIS = 1_000;

    /** The innermost cancellation whose work this thread runs. */
    private static final ThreadLocal<@Nullable Cancellation> CURRENT = new ThreadLocal<>();

    /** The cancellation around this one, whose work includes that of this one; used by the working thread. */
    private @Nullable Cancellation outer;

    private volatile @Nullable Connection connection;
    private volatile @Nullable Statement statement;

    /** Runs work; meanwhile the statements that it runs through {@link Jdbc} can be cancelled. */
    public <T> T watch(Jdbc.Attempt<T> work) throws SQLException {
        outer = CURRENT.get();
        CURRENT.set(this);
        try {
            return work.run();
        } finally {
            if (outer == null) {
                CURRENT.remove();
            } else {
                CURRENT.set(outer);
            }
        }
    }

    /** Runs work on a connection; when this thread is interrupted, the statement that it runs is cancelled. */
    static <T> T onInterrupt(Connection used, Jdbc.Attempt<T> work) throws SQLException {
        Cancellation cancellation = new Cancellation();
        InterruptPoll poll = new InterruptPoll(Thread.currentThread(), cancellation);
        poll.schedule(POLL_MILLIS);
        try {
            return cancellation.watch(() -> cancellation.on(used, work));
        } finally {
            poll.end();
        }
    }

    /** Runs work on a connection, which is known to this cancellation and those around it meanwhile. */
    private <T> T on(Connection used, Jdbc.Attempt<T> work) throws SQLException {
        Connection before = connection;
        connection = used;
        try {
            return outer == null ? work.run() : outer.on(used, work);
        } finally {
            connection = before;
            statement = null;
        }
    }

    /** Looks at a thread's interrupt now and then: a driver that waits for its server doesn't notice it. Needs no thread of its own. */
    private static final class InterruptPoll {
        private final Thread owner;
        private final Cancellation cancellation;
        private volatile CompletableFuture<Void> next = CompletableFuture.completedFuture(null);
        private volatile boolean ended;

        InterruptPoll(Thread owner, Cancellation cancellation) {
            this.owner = owner;
            this.cancellation = cancellation;
        }

        void schedule(long millis) {
            CompletableFuture<Void> due =
                    new CompletableFuture<Void>().completeOnTimeout(null, millis, TimeUnit.MILLISECONDS);
            next = due;
            var unused = due.thenRun(this::poll);
            if (ended) {
                due.complete(null); // and its timer with it
            }
        }

        private void poll() {
            if (ended) {
                return;
            }
            boolean isInterrupted = owner.isInterrupted();
            if (isInterrupted) {
                cancellation.cancel();
            }
            schedule(isInterrupted ? RETRY_MILLIS : POLL_MILLIS);
        }

        void end() {
            ended = true;
            next.complete(null); // an exception for its cancellation would cost more than all else
        }
    }

    /** Records the statement that this thread is about to run. */
    static void started(Statement started) {
        for (Cancellation current = CURRENT.get(); current != null; current = current.outer) {
            current.statement = started;
        }
    }

    /**
     * Asks the server to cancel the statement, if one is running; it then fails with SQLSTATE 57014. Doesn't wait: the driver sends the
     * request on a connection of its own, which takes long where the server can't be reached.
     */
    public void cancel() {
        Statement running = statement;
        if (running != null) {
            var unused = CompletableFuture.runAsync(() -> cancel(running));
        }
    }

    private static void cancel(Statement running) {
        try {
            running.cancel();
        } catch (SQLException e) {
            LOG.debug("the request to cancel a statement failed", e);
        }
    }

    /**
     * Closes the connection as it is, if the work hasn't ended: the last resort, which also ends a wait for a server that is silent.
     *
     * @return whether there was one
     */
    public boolean abort() {
        Connection watched = connection;
        if (watched == null) {
            return false;
        }
        try {
            watched.abort(Runnable::run);
        } catch (SQLException e) {
            LOG.debug("a connection couldn't be aborted", e);
        }
        return true;
    }
}
