package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
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
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One connection to Redis that may not be there, or not answer: commands get an answer within the timeout or fail, and fail at
 * once while there is no connection. Once one has timed out the others fail at once too, until a PING sent behind it has been
 * answered. So nothing piles up, and nothing is queued for later: a write that is carried out after an outage would replace a
 * newer figure by an older one, and make that look younger than it is.
 */
final class RedisLink {

    /**
     * How long an attempt to connect may take. The client has limits of its own, shorter by default; but it forgets an attempt
     * that is under way when it is shut down, and whoever waits for that waits for ever.
     */
    static final Duration LONGEST_ATTEMPT = Duration.ofMinutes(2);

    private static final long RETRY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** One attempt to connect, and when it began. */
    private record Attempt(long began, CompletableFuture<StatefulRedisConnection<String, String>> connection) {}

    /** One PING on a connection that has let a command time out, and when it was sent. */
    private record Probe(
            StatefulRedisConnection<String, String> connection, long sent, CompletableFuture<Void> answered) {

        boolean isUnderWayOn(StatefulRedisConnection<String, String> other) {
            return connection == other && !answered.isDone();
        }

        boolean isRecent() {
            return System.nanoTime() - sent < RETRY_NANOS;
        }
    }

    /** Which incidents lasted when a command was given. */
    private record Turns(long silent, Incident refusal, long refused) {}

    private final RedisClient client;
    private final Duration commandTimeout;
    private final Duration longestAttempt;
    private final AtomicReference<@Nullable Attempt> attempt = new AtomicReference<>();
    private final AtomicReference<@Nullable Probe> probe = new AtomicReference<>();
    private final Incident silence =
            new Incident("usage figures are served without Redis until it answers again", "Redis answers again");
    private final Incident readsRefused =
            new Incident("Redis refuses to give usage figures", "Redis gives usage figures again");
    private final Incident writesRefused =
            new Incident("Redis refuses to keep usage figures", "Redis keeps usage figures again");
    private volatile boolean closed;

    RedisLink(RedisClient client, Duration commandTimeout, Duration longestAttempt) {
        this.client = client;
        this.commandTimeout = commandTimeout;
        this.longestAttempt = longestAttempt;
    }

    /** Makes the first attempt and waits for it, but no longer than this. */
    void open(Duration wait) {
        long turn = silence.turn();
        Attempt first = attempt();
        try {
            first.connection().get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            silence.begins(turn, "no connection within " + wait);
        } catch (ExecutionException e) {
            silence.begins(turn, String.valueOf(e.getCause()));
        }
    }

    /**
     * Sends a command that reads.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> read(Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        return send(readsRefused, command);
    }

    /**
     * Sends a command that writes.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> write(Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        return send(writesRefused, command);
    }

    private <T> CompletionStage<T> send(
            Incident refusal, Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        Turns turns = new Turns(silence.turn(), refusal, refusal.turn());
        StatefulRedisConnection<String, String> connection = connection();
        if (connection == null || !connection.isOpen()) {
            return CompletableFuture.failedFuture(unreachable(turns, "Redis isn't connected", null));
        }
        if (hangs(connection)) {
            return CompletableFuture.failedFuture(unreachable(turns, "Redis doesn't answer", null));
        }
        CompletableFuture<T> answer;
        try {
            answer = command.apply(connection.async());
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(failed(turns, connection, e));
        }
        // A command that has timed out is done, and what is done isn't sent any more.
        return answer.orTimeout(commandTimeout.toNanos(), TimeUnit.NANOSECONDS).handle((value, error) -> {
            if (error != null) {
                throw failed(turns, connection, unwrap(error));
            }
            silence.ends();
            refusal.ends();
            return value;
        });
    }

    private static Throwable unwrap(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }

    private UsageCacheException failed(
            Turns turns, StatefulRedisConnection<String, String> connection, Throwable error) {
        if (error instanceof RedisCommandExecutionException) {
            String message = "Redis refused: " + error.getMessage();
            silence.ends();
            turns.refusal().begins(turns.refused(), message);
            return new UsageCacheException(message, error);
        }
        if (error instanceof TimeoutException || error instanceof RedisCommandTimeoutException) {
            probe(connection);
            return unreachable(turns, "Redis didn't answer within " + commandTimeout, error);
        }
        return unreachable(turns, "Redis failed: " + error, error);
    }

    private UsageCacheException unreachable(Turns turns, String message, @Nullable Throwable cause) {
        if (!closed) {
            silence.begins(turns.silent(), message);
        }
        return new UsageCacheException(message, cause);
    }

    private boolean hangs(StatefulRedisConnection<String, String> connection) {
        Probe last = probe.get();
        if (last == null || !last.isUnderWayOn(connection)) {
            return false;
        }
        if (!last.isRecent()) {
            probe(connection); // should the other be lost, nobody would ever know
        }
        return true;
    }

    /** Answers come in the order of the commands: when this one's does, all before it have been dealt with. */
    private void probe(StatefulRedisConnection<String, String> connection) {
        Probe last = probe.get();
        if (!connection.isOpen() || (last != null && last.isUnderWayOn(connection) && last.isRecent())) {
            return;
        }
        Probe next = new Probe(connection, System.nanoTime(), new CompletableFuture<>());
        if (!probe.compareAndSet(last, next)) {
            return;
        }
        try {
            connection.async().ping().whenComplete((pong, error) -> {
                next.answered().complete(null);
                if (error == null || error instanceof RedisCommandExecutionException) {
                    silence.ends();
                }
            });
        } catch (RuntimeException e) {
            next.answered().complete(null); // the next command will tell
        }
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
            var unused = close(last); // not joined: this may be the client's own thread
        }
        try {
            Thread thread = new Thread(() -> connect(next.connection()), "usagekit-redis-connect");
            thread.setDaemon(true);
            thread.start();
            limit(next.connection(), thread);
        } catch (Throwable e) { // no memory for another thread, now
            next.connection().completeExceptionally(e);
        }
        return next;
    }

    private void limit(CompletableFuture<?> connecting, Thread thread) {
        var unused = connecting
                .orTimeout(longestAttempt.toNanos(), TimeUnit.NANOSECONDS)
                .whenComplete((connection, error) -> {
                    if (error instanceof TimeoutException) {
                        thread.interrupt();
                    }
                });
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
            if (!into.complete(connection) || closed) {
                connection.close();
            }
        } catch (Throwable e) {
            into.completeExceptionally(e);
        }
    }

    void close() {
        closed = true;
        Attempt last = attempt.get();
        if (last != null) {
            close(last).join();
        }
    }

    /** An attempt that is under way closes its connection itself, once it has one. */
    private static CompletableFuture<Void> close(Attempt attempt) {
        return attempt.connection().isDone() && !attempt.connection().isCompletedExceptionally()
                ? attempt.connection().join().closeAsync()
                : CompletableFuture.completedFuture(null);
    }
}
