package io.usagekit.postgres.internal.cache;

import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageCacheException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.workers.DaemonThreads;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTimeoutException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Runs each call as one transaction on the host's executor, and completes it within the timeout whatever becomes of that. A call that has
 * timed out isn't begun any more, and isn't committed where that can be prevented. Thread-safe.
 */
final class CacheCalls implements AutoCloseable {

    /** What a call does, and with which transaction. */
    enum Purpose {
        READ(Jdbc.Mode.READ_ONLY_LOOK_UPS),
        WRITE(Jdbc.Mode.WRITE_LOOK_UPS),
        PRUNE(Jdbc.Mode.WRITE);

        private final Jdbc.Mode mode;

        Purpose(Jdbc.Mode mode) {
            this.mode = mode;
        }
    }

    /** One transaction of a call. */
    record Attempt(Connection connection, CacheSql sql, Duration elapsed) {}

    /** What runs in the transaction. */
    @FunctionalInterface
    interface Step<T> {
        /** Returns the answer; empty to run again in another transaction, since a row has changed meanwhile. */
        Optional<T> run(Attempt attempt) throws SQLException;
    }

    private static final long IDLE_TIMER_SECONDS = 10;

    private final CacheSettings settings;
    private final CacheSql sql;
    private final Jdbc jdbc;
    private final LongSupplier ticker;
    private final ScheduledThreadPoolExecutor timers;
    private final OutageLog reads = new OutageLog("read");
    private final OutageLog writes = new OutageLog("written");
    private final OutageLog deletions = new OutageLog("deleted after their time");
    private volatile boolean closed;

    CacheCalls(CacheSettings settings) {
        this(settings, CacheSql.in(settings.schema()), System::nanoTime);
    }

    /**
     * With other statements, or another time.
     *
     * @param ticker in nanoseconds
     */
    CacheCalls(CacheSettings settings, CacheSql sql, LongSupplier ticker) {
        this.settings = settings;
        this.sql = sql;
        this.jdbc = new Jdbc(settings.dataSource());
        this.ticker = ticker;
        this.timers = new ScheduledThreadPoolExecutor(1, task -> DaemonThreads.create("usagekit-postgres-timer", task));
        timers.setRemoveOnCancelPolicy(true);
        timers.setKeepAliveTime(IDLE_TIMER_SECONDS, TimeUnit.SECONDS);
        timers.allowCoreThreadTimeOut(true);
    }

    /**
     * Runs a call.
     *
     * @param what for the exception, e.g. {@code the figure of ... can't be read}
     */
    <T> CompletableFuture<T> run(Purpose purpose, String what, Step<T> step) {
        Call<T> call = new Call<>(purpose, what, step, log(purpose).state(), ticker.getAsLong());
        if (closed) {
            call.answer.completeExceptionally(new UsageCacheException(what + ": it is closed", null));
            return call.answer;
        }
        try {
            Future<?> deadline =
                    timers.schedule(call::timeOut, settings.timeout().toNanos(), TimeUnit.NANOSECONDS);
            var unused = call.answer.whenComplete((answer, error) -> deadline.cancel(false));
            settings.executor().execute(call::execute);
        } catch (RejectedExecutionException e) {
            // The timers, too, take no task once it is closed.
            String reason = closed
                    ? ": it is closed"
                    : ": the executor takes no task; shut it down after the service is closed, and let its queue take"
                            + " a task for each call in flight";
            call.fail(new UsageCacheException(what + reason, e));
        }
        return call.answer;
    }

    private OutageLog log(Purpose purpose) {
        return switch (purpose) {
            case READ -> reads;
            case WRITE -> writes;
            case PRUNE -> deletions;
        };
    }

    /** Whether the table is readable, as far as calls have shown. */
    Condition condition() {
        return reads.condition();
    }

    /** A call in flight. */
    private final class Call<T> {
        private final CompletableFuture<T> answer = new CompletableFuture<>();
        private final Purpose purpose;
        private final String what;
        private final Step<T> step;
        private final long logged;
        private final long began;

        Call(Purpose purpose, String what, Step<T> step, long logged, long began) {
            this.purpose = purpose;
            this.what = what;
            this.step = step;
            this.logged = logged;
            this.began = began;
        }

        private Duration elapsed() {
            return Duration.ofNanos(ticker.getAsLong() - began);
        }

        private void execute() {
            try {
                Optional<T> found = Optional.empty();
                while (found.isEmpty()) {
                    Duration left = settings.timeout().minus(elapsed());
                    if (answer.isDone() || left.toMillis() < 1) {
                        return; // the deadline answers
                    }
                    found = jdbc.transaction(purpose.mode, left, this::attempt);
                }
                log(purpose).succeeded(logged);
                answer.complete(found.orElseThrow());
            } catch (SQLException e) {
                fail(SqlErrors.cacheFailure(what, e));
            } catch (Throwable e) { // the caller is answered in any case
                fail(new UsageCacheException(what + ": " + e, e));
            }
        }

        private Optional<T> attempt(Connection connection) throws SQLException {
            Optional<T> found = step.run(new Attempt(connection, sql, elapsed()));
            if (answer.isDone()) {
                throw new SQLTimeoutException("it took longer than " + settings.timeout() + ", and isn't committed");
            }
            return found;
        }

        private void timeOut() {
            fail(new UsageCacheException(
                    what + " within " + settings.timeout()
                            + ": no connection, no thread of the executor or no answer; a lock that is held for longer"
                            + " than this is another reason",
                    null));
        }

        private void fail(UsageCacheException error) {
            if (!closed && !answer.isDone()) {
                log(purpose).failed(logged, error);
            }
            answer.completeExceptionally(error);
        }
    }

    /** Fails each later call; those in flight are answered. Idempotent. */
    @Override
    public void close() {
        closed = true;
        timers.shutdown();
    }
}
