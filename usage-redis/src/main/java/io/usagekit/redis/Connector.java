package io.usagekit.redis;

import io.lettuce.core.api.StatefulConnection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds one connection, or keeps trying to make it: in the background, at most once a second, and only while the connection is
 * asked for.
 *
 * @param <C> kind of connection
 */
final class Connector<C extends StatefulConnection<String, String>> {

    /** How long closing waits for a connection. */
    static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final long DIAGNOSIS_NANOS = TimeUnit.SECONDS.toNanos(5);

    /** One attempt to connect, and when it began. */
    private record Attempt<C>(long began, CompletableFuture<C> connection) {}

    private final Supplier<C> connect;
    private final Duration maxAttempt;
    private final AtomicReference<@Nullable Attempt<C>> attempt = new AtomicReference<>();
    /** Last attempt to find out why a connection that was lost isn't back. */
    private final AtomicReference<@Nullable Attempt<Void>> diagnosis = new AtomicReference<>();

    private volatile @Nullable Throwable lastFailure;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * Creates a connector without a connection.
     *
     * @param connect blocks until there is a connection, or throws
     * @param maxAttempt longest duration of an attempt
     */
    Connector(Supplier<C> connect, Duration maxAttempt) {
        this.connect = connect;
        this.maxAttempt = maxAttempt;
    }

    /** Returns the connection, which may be broken; null if there is none yet. */
    @Nullable
    C connection() {
        CompletableFuture<C> connecting = attempt();
        return connecting.isDone() && !connecting.isCompletedExceptionally() ? connecting.join() : null;
    }

    /** Returns the attempt that has succeeded or is in progress; otherwise starts a new one. */
    CompletableFuture<C> attempt() {
        Attempt<C> last = attempt.get();
        if (last != null && (closed.get() || !isOver(last))) {
            return last.connection();
        }
        Attempt<C> next = new Attempt<>(System.nanoTime(), new CompletableFuture<>());
        if (!attempt.compareAndSet(last, next)) {
            return attempt();
        }
        if (last != null) {
            lastFailure = failureOf(last);
            var unused = close(last); // not joined: this may be the client's own thread
        }
        ConnectionAttempt.start(connect, maxAttempt, closed::get, next.connection());
        return next.connection();
    }

    /** Returns why the last attempt that has ended failed; null if it didn't. */
    @Nullable
    Throwable lastFailure() {
        Attempt<C> last = attempt.get();
        Throwable failure = last == null ? null : failureOf(last);
        return failure == null ? lastFailure : failure;
    }

    private static @Nullable Throwable failureOf(Attempt<?> attempt) {
        return attempt.connection().isCompletedExceptionally()
                ? attempt.connection().handle((connection, error) -> error).join()
                : null;
    }

    /**
     * Finds out why a connection that was lost isn't back, by an attempt to connect in the background, since the client doesn't
     * tell; at most every five seconds.
     *
     * @return fails with the reason; completes normally if there is none any more, or if the client doesn't reconnect by itself,
     *     so that {@link #lastFailure} is the reason
     */
    CompletableFuture<Void> diagnose() {
        Attempt<Void> last = diagnosis.get();
        if (last != null && (!last.connection().isDone() || System.nanoTime() - last.began() < DIAGNOSIS_NANOS)) {
            return last.connection();
        }
        Attempt<Void> next = new Attempt<>(System.nanoTime(), new CompletableFuture<>());
        if (!diagnosis.compareAndSet(last, next)) {
            return diagnose();
        }
        CompletableFuture<C> connecting = new CompletableFuture<>();
        var unused = connecting.whenComplete((connection, error) -> {
            if (error != null) {
                lastFailure = error;
                next.connection().completeExceptionally(error);
                return;
            }
            lastFailure = null;
            next.connection().complete(null);
            var unusedToo = connection.closeAsync();
        });
        ConnectionAttempt.start(connect, maxAttempt, () -> false, connecting);
        return next.connection();
    }

    private boolean isOver(Attempt<C> attempt) {
        if (!attempt.connection().isDone() || System.nanoTime() - attempt.began() < RETRY_NANOS) {
            return false;
        }
        if (attempt.connection().isCompletedExceptionally()) {
            return true;
        }
        // Lettuce reconnects by itself, unless the host has switched that off.
        C connection = attempt.connection().join();
        return !connection.isOpen() && !connection.getOptions().isAutoReconnect();
    }

    /** Closes the connection. Idempotent: Lettuce logs a warning about a connection that is closed a second time. */
    void close() {
        if (closed.getAndSet(true)) {
            return;
        }
        Attempt<C> last = attempt.get();
        if (last != null) {
            await(close(last));
        }
    }

    /** Waits until a connection is closed, but no longer than the limit: what holds it up belongs to the client. */
    static void await(CompletableFuture<Void> closing) {
        try {
            var unused = closing.get(CLOSE_LIMIT.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            LOG.warn(
                    "a connection to Redis wasn't closed within {}, and is left to its client: {}",
                    CLOSE_LIMIT,
                    e.toString());
        }
    }

    /** Closes the connection of an attempt. An attempt in progress closes its connection itself once it has one. */
    private CompletableFuture<Void> close(Attempt<C> attempt) {
        return attempt.connection().isDone() && !attempt.connection().isCompletedExceptionally()
                ? attempt.connection().join().closeAsync()
                : CompletableFuture.completedFuture(null);
    }
}
