package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One connection to Redis that may not be there, or not answer: commands get an answer within the timeout or fail, and fail at
 * once while there is no connection. Once one has timed out the others fail at once too, until a PING sent behind it has been
 * answered. So nothing piles up, and nothing is queued for later: a write that is carried out after an outage would replace a
 * newer figure by an older one, and make that look younger than it is.
 */
final class GuardedConnection {

    /** What a command is for. A Redis that is full, say, refuses to do some of it and not the rest. */
    enum Purpose {
        READ("give", "gives"),
        KEEP("keep", "keeps"),
        INDEX("index", "indexes"),
        LEASE("lease", "leases"),
        FORGET("forget", "forgets");

        private final String infinitive;
        private final String present;

        Purpose(String infinitive, String present) {
            this.infinitive = infinitive;
            this.present = present;
        }

        private OutageLog incident() {
            return new OutageLog(
                    "Redis refuses to " + infinitive + " usage figures", "Redis " + present + " usage figures again");
        }
    }

    /** One PING on a connection that has let a command time out, and when it was sent. */
    private record Probe(
            StatefulRedisConnection<String, String> connection, long sent, CompletableFuture<Void> answered) {

        boolean isUnderWayOn(StatefulRedisConnection<String, String> other) {
            return connection == other && !answered.isDone();
        }

        boolean isRecent() {
            return System.nanoTime() - sent < Connector.RETRY_NANOS;
        }
    }

    /** Which incidents lasted when a command was given. */
    private record Turns(long silent, OutageLog refusal, long refused) {}

    private final Connector<StatefulRedisConnection<String, String>> connector;
    private final Duration commandTimeout;
    private final AtomicReference<@Nullable Probe> probe = new AtomicReference<>();
    private final OutageLog silence =
            new OutageLog("usage figures are served without Redis until it answers again", "Redis answers again");
    private final Map<Purpose, OutageLog> refusals = new EnumMap<>(Purpose.class);
    private volatile boolean closed;

    GuardedConnection(RedisClient client, Duration commandTimeout, Duration longestAttempt) {
        this.connector = new Connector<>(() -> client.connect(StringCodec.UTF8), longestAttempt);
        this.commandTimeout = commandTimeout;
        for (Purpose purpose : Purpose.values()) {
            refusals.put(purpose, purpose.incident());
        }
    }

    /** Makes the first attempt and waits for it, but no longer than this. */
    void open(Duration wait) {
        long turn = silence.turn();
        try {
            connector.attempt().get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            silence.begins(turn, "no connection within " + wait);
        } catch (ExecutionException e) {
            silence.begins(turn, String.valueOf(e.getCause()));
        }
    }

    /**
     * Sends a command.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> send(
            Purpose purpose, Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        return send(purpose, answer -> true, command);
    }

    /**
     * Sends a command.
     *
     * @param served whether this answer tells that Redis doesn't refuse what it is for: that it has written, for instance
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> send(
            Purpose purpose,
            Predicate<T> served,
            Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        OutageLog refusal = Objects.requireNonNull(refusals.get(purpose));
        Turns turns = new Turns(silence.turn(), refusal, refusal.turn());
        StatefulRedisConnection<String, String> connection = connector.connection();
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
            if (served.test(value)) {
                refusal.ends();
            }
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

    void close() {
        if (closed) {
            return; // the client logs a warning of a connection that is closed again
        }
        closed = true;
        connector.close();
    }
}
