package io.usagekit.redis.internal;

import io.lettuce.core.RedisConnectionException;
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
 * asked for. A connection that is lost, or made before a {@link Failover}, is closed and replaced; so is an attempt that takes long, since
 * the address may lead to a server that hangs, and to another one later.
 *
 * @param <C> kind of connection
 */
public final class Connector<C extends StatefulConnection<String, String>> {

    /** How long closing waits for a connection. */
    public static final Duration CLOSE_LIMIT = Duration.ofSeconds(2);

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.redis.RedisUsage");

    /** Shortest time from the start of an attempt to that of the next. */
    public static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** One attempt to connect. */
    private static final class Attempt<C extends StatefulConnection<String, String>> {

        private final long began = System.nanoTime();
        private final long epoch;
        private final CompletableFuture<C> connection = new CompletableFuture<>();
        private final AtomicBoolean closed = new AtomicBoolean();

        Attempt(long epoch) {
            this.epoch = epoch;
        }

        long age() {
            return System.nanoTime() - began;
        }

        boolean hasConnected() {
            return connection.isDone() && !connection.isCompletedExceptionally();
        }

        boolean isOpen() {
            return hasConnected() && !closed.get() && connection.join().isOpen();
        }

        boolean hasMade(C other) {
            return hasConnected() && connection.join() == other;
        }

        @Nullable
        Throwable failure() {
            return connection.isCompletedExceptionally()
                    ? connection.handle((made, error) -> error).join()
                    : null;
        }

        /** Closes the connection, once: Lettuce logs a warning otherwise. An attempt in progress closes the one that it makes. */
        CompletableFuture<Void> close() {
            boolean inProgress = connection.completeExceptionally(
                    new RedisConnectionException("no connection within " + Duration.ofNanos(age())));
            return inProgress || !hasConnected() || !closed.compareAndSet(false, true)
                    ? CompletableFuture.completedFuture(null)
                    : connection.join().closeAsync();
        }
    }

    private final Supplier<C> connect;
    private final Failover failover;
    private final ConnectionAttempt.Limits limits;
    private final AtomicReference<@Nullable Attempt<C>> attempt = new AtomicReference<>();
    private final AtomicBoolean closed = new AtomicBoolean();

    /** How long an attempt may take before another one begins: after each that took so long twice as long. */
    private volatile Duration patience;

    private volatile @Nullable Throwable lastFailure;

    /**
     * Creates a connector without a connection.
     *
     * @param connect blocks until there is a connection, or throws
     */
    public Connector(Supplier<C> connect, Failover failover, ConnectionAttempt.Limits limits) {
        this.connect = connect;
        this.failover = failover;
        this.limits = limits;
        this.patience = limits.patience();
    }

    /** Returns the connection, which may be broken; null if there is none yet. */
    @Nullable
    public C connection() {
        CompletableFuture<C> connecting = attempt();
        return connecting.isDone() && !connecting.isCompletedExceptionally() ? connecting.join() : null;
    }

    /** Returns the attempt whose connection is open, or that is in progress; otherwise starts a new one. */
    public CompletableFuture<C> attempt() {
        Attempt<C> last = attempt.get();
        if (last != null && (closed.get() || !isOver(last))) {
            return last.connection;
        }
        Attempt<C> next = new Attempt<>(failover.epoch());
        if (!attempt.compareAndSet(last, next)) {
            return attempt();
        }
        if (last != null) {
            supersede(last);
        }
        var unused = next.connection.thenAccept(made -> {
            patience = limits.patience();
            lastFailure = null;
        });
        ConnectionAttempt.start(connect, limits, next.connection);
        if (closed.get()) {
            var unusedToo = next.close();
        }
        return next.connection;
    }

    /** Returns the attempt as {@link #attempt} does; after a connection that was lost within a second of its attempt the next one, when that is due. */
    public CompletableFuture<C> nextAttempt(Timeouts timeouts) {
        Attempt<C> last = attempt.get();
        CompletableFuture<C> connecting = attempt();
        if (last == null || last.connection != connecting || !last.hasConnected() || last.isOpen()) {
            return connecting;
        }
        long wait = Math.max(0, RETRY_NANOS - last.age());
        return timeouts.after(wait).thenCompose(due -> attempt());
    }

    private boolean isOver(Attempt<C> last) {
        if (!last.connection.isDone()) {
            return last.age() >= patience.toNanos();
        }
        if (last.age() < RETRY_NANOS) {
            return false;
        }
        return !last.isOpen() || last.epoch < failover.epoch();
    }

    /** Not joined: this may be the client's own thread. */
    private void supersede(Attempt<C> last) {
        if (!last.connection.isDone()) {
            patience = limits.longer(patience);
        }
        var unused = last.close();
        lastFailure = last.failure();
    }

    /** Closes a connection that doesn't answer, and starts an attempt to make another one, unless the last began within a second. */
    public CompletableFuture<C> replace(C connection) {
        Attempt<C> last = attempt.get();
        if (last != null && last.hasMade(connection)) {
            var unused = last.close();
        }
        return attempt();
    }

    /** Takes note of a server that is read-only: the connection is replaced, and so are the others of the client. */
    public void readOnly(C connection) {
        Attempt<C> last = attempt.get();
        if (last != null && last.hasMade(connection) && failover.readOnly(last.epoch)) {
            var unused = attempt();
        }
    }

    /** Returns why the last attempt that has ended failed; null if it didn't. */
    @Nullable
    public Throwable lastFailure() {
        Attempt<C> last = attempt.get();
        Throwable failure = last == null ? null : last.failure();
        return failure == null ? lastFailure : failure;
    }

    /** Closes the connection. Idempotent. */
    public void close() {
        await(retire());
    }

    /** Closes the connection, without waiting for that. Idempotent. */
    CompletableFuture<Void> retire() {
        Attempt<C> last = closed.getAndSet(true) ? null : attempt.get();
        return last == null ? CompletableFuture.completedFuture(null) : last.close();
    }

    /** Waits until a connection is closed, but no longer than the limit: what holds it up belongs to the client. */
    public static void await(CompletableFuture<Void> closing) {
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
}
