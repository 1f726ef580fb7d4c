package io.usagekit.redis;

import io.lettuce.core.api.StatefulConnection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * One attempt to connect to the client's own address. Lettuce has only a blocking call for that, so the attempt runs on a thread
 * of its own, which ends with the attempt.
 */
final class ConnectionAttempt {

    /**
     * Longest duration of an attempt. The client's own limits are shorter by default; but a client that is shut down drops an
     * attempt in progress without completing it, and the thread would block for ever.
     */
    static final Duration MAX_DURATION = Duration.ofMinutes(2);

    private ConnectionAttempt() {}

    /**
     * Starts an attempt.
     *
     * @param connect blocks until there is a connection, or throws
     * @param maxDuration after which the attempt is abandoned
     * @param unwanted whether a connection that is made now is to be closed at once
     * @param into completes with the connection, or with the reason why there is none
     */
    static <C extends StatefulConnection<String, String>> void start(
            Supplier<C> connect, Duration maxDuration, BooleanSupplier unwanted, CompletableFuture<C> into) {
        try {
            // Without the calling thread's InheritableThreadLocals: the connection serves all callers.
            Thread thread = new Thread(null, () -> run(connect, unwanted, into), "usagekit-redis-connect", 0, false);
            thread.setDaemon(true);
            thread.start();
            limit(into, maxDuration, thread);
        } catch (Throwable e) { // e.g. no memory for another thread
            into.completeExceptionally(e);
        }
    }

    /** By the JVM's timer, since the client's ends with the client. No caller waits for it. */
    private static void limit(CompletableFuture<?> connecting, Duration maxDuration, Thread thread) {
        var unused = connecting
                .orTimeout(maxDuration.toNanos(), TimeUnit.NANOSECONDS)
                .whenComplete((connection, error) -> {
                    if (error instanceof TimeoutException) {
                        thread.interrupt();
                    }
                });
    }

    private static <C extends StatefulConnection<String, String>> void run(
            Supplier<C> connect, BooleanSupplier unwanted, CompletableFuture<C> into) {
        try {
            C connection = connect.get();
            if (!into.complete(connection) || unwanted.getAsBoolean()) {
                connection.close();
            }
        } catch (Throwable e) {
            into.completeExceptionally(e);
        }
    }
}
