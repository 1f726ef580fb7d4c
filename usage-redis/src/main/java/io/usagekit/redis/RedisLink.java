package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to Redis that may not be there: commands get an answer within the timeout or fail, and fail at once while
 * there is no connection. Nothing is queued for later: a write that is carried out after an outage would replace a newer
 * figure by an older one.
 */
final class RedisLink {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);
    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** One attempt to connect, and when it began. */
    private record Attempt(long began, CompletableFuture<StatefulRedisConnection<String, String>> connection) {}

    private final RedisClient client;
    private final Duration commandTimeout;
    private final AtomicReference<@Nullable Attempt> attempt = new AtomicReference<>();
    private final AtomicBoolean incident = new AtomicBoolean();
    private volatile boolean closed;

    RedisLink(RedisClient client, Duration commandTimeout) {
        this.client = client;
        this.commandTimeout = commandTimeout;
    }

    /** Makes the first attempt and waits for it, but no longer than this. */
    void open(Duration wait) {
        Attempt first = attempt();
        try {
            first.connection().get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            failed(e);
        }
    }

    /**
     * Sends a command.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> send(Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        StatefulRedisConnection<String, String> connection = connection();
        if (connection == null || !connection.isOpen()) {
            return CompletableFuture.failedFuture(failed(null));
        }
        CompletableFuture<T> answer;
        try {
            answer = command.apply(connection.async());
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(failed(e));
        }
        // A command that has timed out is done, and what is done isn't sent any more.
        return answer.orTimeout(commandTimeout.toNanos(), TimeUnit.NANOSECONDS).handle((value, error) -> {
            if (error != null) {
                throw failed(error);
            }
            recovered();
            return value;
        });
    }

    private @Nullable StatefulRedisConnection<String, String> connection() {
        CompletableFuture<StatefulRedisConnection<String, String>> connecting =
                attempt().connection();
        return connecting.isDone() && !connecting.isCompletedExceptionally() ? connecting.join() : null;
    }

    /** The attempt that has succeeded or is under way, or else a new one, at most one a second. */
    private Attempt attempt() {
        Attempt last = attempt.get();
        if (last != null && (closed || !isOver(last))) {
            return last;
        }
        Attempt next = new Attempt(System.nanoTime(), new CompletableFuture<>());
        if (!attempt.compareAndSet(last, next)) {
            return attempt();
        }
        if (last != null) {
            close(last);
        }
        Thread thread = new Thread(() -> connect(next.connection()), "usagekit-redis-connect");
        thread.setDaemon(true);
        thread.start();
        return next;
    }

    private static boolean isOver(Attempt attempt) {
        if (!attempt.connection().isDone() || System.nanoTime() - attempt.began() < RETRY_NANOS) {
            return false;
        }
        if (attempt.connection().isCompletedExceptionally()) {
            return true;
        }
        // Lettuce reconnects by itself, unless the host has told it not to.
        StatefulRedisConnection<String, String> connection =
                attempt.connection().join();
        return !connection.isOpen() && !connection.getOptions().isAutoReconnect();
    }

    private void connect(CompletableFuture<StatefulRedisConnection<String, String>> into) {
        try {
            StatefulRedisConnection<String, String> connection = client.connect(StringCodec.UTF8);
            into.complete(connection);
            if (closed) {
                connection.close();
            }
        } catch (Throwable e) {
            into.completeExceptionally(e);
        }
    }

    private UsageCacheException failed(@Nullable Throwable error) {
        Throwable cause =
                error instanceof ExecutionException || error instanceof CompletionException ? error.getCause() : error;
        UsageCacheException typed = cause == null
                ? new UsageCacheException("Redis isn't connected", null)
                : cause instanceof TimeoutException
                        ? new UsageCacheException("Redis didn't answer within " + commandTimeout, cause)
                        : new UsageCacheException("Redis failed: " + cause.getMessage(), cause);
        if (!closed && incident.compareAndSet(false, true)) {
            LOG.warn("usage figures are served without Redis until it answers again: {}", typed.getMessage());
        }
        return typed;
    }

    private void recovered() {
        if (incident.get() && incident.compareAndSet(true, false)) {
            LOG.info("Redis answers again");
        }
    }

    void close() {
        closed = true;
        Attempt last = attempt.get();
        if (last != null) {
            close(last);
        }
    }

    /** An attempt that is under way closes its connection itself, once it has one. */
    private static void close(Attempt attempt) {
        if (attempt.connection().isDone() && !attempt.connection().isCompletedExceptionally()) {
            attempt.connection().join().close();
        }
    }
}
