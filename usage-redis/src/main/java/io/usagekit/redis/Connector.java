package io.usagekit.redis;

import io.lettuce.core.api.StatefulConnection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Has one connection, or goes on trying to get one: in the background, at most once a second, and only while somebody asks.
 *
 * @param <C> what kind of connection
 */
final class Connector<C extends StatefulConnection<String, String>> {

    static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** One attempt to connect, and when it began. */
    private record Attempt<C>(long began, CompletableFuture<C> connection) {}

    private final Supplier<C> connect;
    private final Duration longestAttempt;
    private final AtomicReference<@Nullable Attempt<C>> attempt = new AtomicReference<>();
    private volatile boolean closed;

    /**
     * @param connect blocks until there is a connection, or throws
     */
    Connector(Supplier<C> connect, Duration longestAttempt) {
        this.connect = connect;
        this.longestAttempt = longestAttempt;
    }

    /** The connection, which may be broken; null if there is none yet. */
    @Nullable
    C connection() {
        CompletableFuture<C> connecting = attempt();
        return connecting.isDone() && !connecting.isCompletedExceptionally() ? connecting.join() : null;
    }

    /** The attempt that has succeeded or is under way, or else a new one. */
    CompletableFuture<C> attempt() {
        Attempt<C> last = attempt.get();
        if (last != null && (closed || !isOver(last))) {
            return last.connection();
        }
        Attempt<C> next = new Attempt<>(System.nanoTime(), new CompletableFuture<>());
        if (!attempt.compareAndSet(last, next)) {
            return attempt();
        }
        if (last != null) {
            var unused = close(last); // not joined: this may be the client's own thread
        }
        ConnectionAttempt.start(connect, longestAttempt, () -> closed, next.connection());
        return next.connection();
    }

    private boolean isOver(Attempt<C> attempt) {
        if (!attempt.connection().isDone() || System.nanoTime() - attempt.began() < RETRY_NANOS) {
            return false;
        }
        if (attempt.connection().isCompletedExceptionally()) {
            return true;
        }
        // Lettuce reconnects by itself, unless the host has told it not to.
        C connection = attempt.connection().join();
        return !connection.isOpen() && !connection.getOptions().isAutoReconnect();
    }

    void close() {
        closed = true;
        Attempt<C> last = attempt.get();
        if (last != null) {
            close(last).join();
        }
    }

    /** An attempt that is under way closes its connection itself, once it has one. */
    private CompletableFuture<Void> close(Attempt<C> attempt) {
        return attempt.connection().isDone() && !attempt.connection().isCompletedExceptionally()
                ? attempt.connection().join().closeAsync()
                : CompletableFuture.completedFuture(null);
    }
}
