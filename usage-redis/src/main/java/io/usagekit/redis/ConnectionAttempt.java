package io.usagekit.redis;

import io.lettuce.core.api.StatefulConnection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * One attempt to connect with the client's own address: Lettuce can't be asked to without blocking, so it has a thread of its
 * own, for as long as it lasts.
 */
final class ConnectionAttempt {

    /**
     * How long an attempt to connect may take. The client has limits of its own, shorter by default; but it forgets an attempt
     * that is under way when it is shut down, and whoever waits for that waits for ever.
     */
    static final Duration LONGEST = Duration.ofMinutes(2);

    private ConnectionAttempt() {}

    /**
     * Starts it.
     *
     * @param connect blocks until there is a connection, or throws
     * @param longest after which it is given up
     * @param unwanted whether a connection that is there now is to be closed at once
     * @param into takes the connection, or why there is none
     */
    static <C extends StatefulConnection<String, String>> void start(
            Supplier<C> connect, Duration longest, BooleanSupplier unwanted, CompletableFuture<C> into) {
        try {
            Thread thread = new Thread(() -> run(connect, unwanted, into), "usagekit-redis-connect");
            thread.setDaemon(true);
            thread.start();
            limit(into, longest, thread);
        } catch (Throwable e) { // no memory for another thread, now
            into.completeExceptionally(e);
        }
    }

    private static void limit(CompletableFuture<?> connecting, Duration longest, Thread thread) {
        var unused = connecting
                .orTimeout(longest.toNanos(), TimeUnit.NANOSECONDS)
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
