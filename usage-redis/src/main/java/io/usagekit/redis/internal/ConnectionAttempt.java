package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.api.StatefulConnection;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.FutureListener;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * One attempt to connect to the client's own address. Lettuce has only a blocking call for that, so the attempt runs on a thread
 * of its own, which ends with the attempt.
 */
public final class ConnectionAttempt {

    /**
     * Limits of attempts.
     *
     * @param patience how long an attempt may take before another one begins beside it
     * @param longest after which the thread is interrupted; the client's own limits are shorter by default
     * @param shutdown completes when the host has shut down the client with its resources, upon which the thread is interrupted:
     *     attempts in progress are dropped then without being completed
     */
    public record Limits(Duration patience, Duration longest, Future<?> shutdown) {

        private static final Duration LONGEST = Duration.ofMinutes(2);

        /** Returns the limits for connections of a client that are usually made within this time. */
        public static Limits of(AbstractRedisClient client, Duration connectTimeout) {
            return of(client.getResources().eventExecutorGroup().terminationFuture(), connectTimeout);
        }

        /** Returns the limits for connections that are usually made within this time. */
        public static Limits of(Future<?> shutdown, Duration connectTimeout) {
            return new Limits(connectTimeout.multipliedBy(2), LONGEST, shutdown);
        }

        /** Returns twice the patience, or the longest duration of an attempt. */
        public Duration longer(Duration patience) {
            Duration twice = patience.multipliedBy(2);
            return twice.compareTo(longest) < 0 ? twice : longest;
        }
    }

    private ConnectionAttempt() {}

    /**
     * Starts an attempt.
     *
     * @param connect blocks until there is a connection, or throws
     * @param limits when the thread is interrupted
     * @param into completes with the connection, or with the reason why there is none; if it is completed by then, the attempt closes
     *     its connection
     */
    public static <C extends StatefulConnection<String, String>> void start(
            Supplier<C> connect, Limits limits, CompletableFuture<C> into) {
        CompletableFuture<Void> ended = new CompletableFuture<>();
        try {
            // Without the calling thread's InheritableThreadLocals and context class loader: the connection serves all
            // callers, and may outlive the application whose loader that is.
            Thread thread = new Thread(null, () -> run(connect, into, ended), "usagekit-redis-connect", 0, false);
            thread.setDaemon(true);
            thread.setContextClassLoader(ConnectionAttempt.class.getClassLoader());
            thread.start();
            limit(ended, limits.longest(), thread, into);
            interruptAfter(limits.shutdown(), ended, thread);
        } catch (Throwable e) { // e.g. no memory for another thread
            into.completeExceptionally(e);
        }
    }

    /** By the JVM's timer, since the client's ends with the client. No caller waits for it. */
    private static void limit(
            CompletableFuture<Void> ended, Duration longest, Thread thread, CompletableFuture<?> into) {
        var unused = ended.orTimeout(longest.toNanos(), TimeUnit.NANOSECONDS).exceptionally(timeout -> {
            into.completeExceptionally(timeout);
            thread.interrupt();
            return null;
        });
    }

    private static <T> void interruptAfter(Future<T> shutdown, CompletableFuture<Void> ended, Thread thread) {
        FutureListener<T> listener = done -> thread.interrupt();
        shutdown.addListener(listener);
        var unused = ended.whenComplete((done, error) -> shutdown.removeListener(listener));
    }

    private static <C extends StatefulConnection<String, String>> void run(
            Supplier<C> connect, CompletableFuture<C> into, CompletableFuture<Void> ended) {
        try {
            C connection = connect.get();
            if (!into.complete(connection)) {
                connection.close();
            }
        } catch (Throwable e) {
            into.completeExceptionally(e);
        } finally {
            ended.complete(null);
        }
    }
}
