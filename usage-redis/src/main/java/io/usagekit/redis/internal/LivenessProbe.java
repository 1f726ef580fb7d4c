package io.usagekit.redis.internal;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.api.StatefulRedisConnection;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Makes a connection prove that it still answers: by a PING, which is repeated until one is answered within the command timeout. Redis
 * answers in the order of commands, so that all commands before it have been handled then. If no PING is answered within the patience,
 * the connection is closed and replaced, and the new one has to prove itself as well.
 *
 * <p>The patience is twice the command timeout, and twice as long after each replacement until a connection has answered in time: a
 * network that is slower than the command timeout doesn't cost a connection each time. Nor do answers that are late cost a PING each:
 * after the first of them the next PING is sent at once, then after pauses that double up to a second.
 *
 * <p>Never blocks: what it starts runs on the client's threads, a timer's, or that of a {@link ConnectionAttempt}. Thread-safe.
 *
 * @param <C> kind of connection
 */
public final class LivenessProbe<C extends StatefulRedisConnection<String, String>> {

    private static final Duration LONGEST_PATIENCE = Duration.ofMinutes(2);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);
    private static final int MAX_DOUBLINGS = 16;

    /** PINGs on one connection. */
    private static final class Probe<C> {
        private final C connection;
        /** How long to wait after the next late answer. */
        private volatile Duration pause = Duration.ZERO;

        private volatile boolean over;

        Probe(C connection) {
            this.connection = connection;
        }
    }

    private final Connector<C> connector;
    private final Duration commandTimeout;
    private final Timeouts timeouts;
    private final Consumer<C> onAnswer;
    private final Runnable onSilence;
    private final AtomicReference<@Nullable Probe<C>> latest = new AtomicReference<>();
    /** Number of connections in a row that were replaced without an answer in time. */
    private final AtomicInteger replaced = new AtomicInteger();

    /**
     * Creates a probe of a connector's connections.
     *
     * @param onAnswer receives a connection that has answered in time
     * @param onSilence runs before a connection is replaced
     */
    public LivenessProbe(
            Connector<C> connector,
            Duration commandTimeout,
            Timeouts timeouts,
            Consumer<C> onAnswer,
            Runnable onSilence) {
        this.connector = connector;
        this.commandTimeout = commandTimeout;
        this.timeouts = timeouts;
        this.onAnswer = onAnswer;
        this.onSilence = onSilence;
    }

    /** Starts to probe a connection, unless it is closed or being probed. */
    public void start(C connection) {
        Probe<C> last = latest.get();
        if (!connection.isOpen() || isPending(connection)) {
            return;
        }
        Probe<C> next = new Probe<>(connection);
        if (latest.compareAndSet(last, next)) {
            ping(next, System.nanoTime());
        }
    }

    /** Whether a connection is being probed and hasn't answered in time yet. */
    public boolean isPending(C connection) {
        Probe<C> last = latest.get();
        return last != null && last.connection == connection && !last.over;
    }

    /** Takes note that a connection has answered a command in time. */
    public void answered() {
        if (replaced.get() != 0) {
            replaced.set(0);
        }
    }

    /**
     * Sends a PING.
     *
     * @param silentSince when the connection last answered, or the probe began, in nanoseconds
     */
    private void ping(Probe<C> probe, long silentSince) {
        long sent = System.nanoTime();
        Duration left = Duration.ofNanos(Math.max(1, patience().toNanos() - (sent - silentSince)));
        CompletableFuture<String> answer;
        try {
            answer = probe.connection.async().ping().toCompletableFuture();
        } catch (RuntimeException e) {
            answer = CompletableFuture.failedFuture(e);
        }
        var unused = timeouts.limit(answer, left).whenComplete((value, error) -> {
            if (error == null || RedisErrors.unwrap(error) instanceof RedisCommandExecutionException) {
                pong(probe, sent);
            } else {
                failed(probe, silentSince, RedisErrors.unwrap(error));
            }
        });
    }

    /** Any answer will do: a user may lack the permission. */
    private void pong(Probe<C> probe, long sent) {
        if (System.nanoTime() - sent > commandTimeout.toNanos()) {
            Duration pause = probe.pause;
            Duration longer = pause.isZero() ? commandTimeout : pause.multipliedBy(2);
            probe.pause = longer.compareTo(LONGEST_PAUSE) < 0 ? longer : LONGEST_PAUSE;
            var unused = timeouts.after(pause.toNanos()).thenRun(() -> ping(probe, System.nanoTime()));
            return;
        }
        answered();
        probe.over = true;
        onAnswer.accept(probe.connection);
    }

    private void failed(Probe<C> probe, long silentSince, Throwable error) {
        boolean isTimeoutOfHost = error instanceof RedisCommandTimeoutException
                && System.nanoTime() - silentSince < patience().toNanos();
        if (!probe.connection.isOpen()) {
            probe.over = true; // the connector makes another one when it is needed
        } else if (isTimeoutOfHost) {
            ping(probe, silentSince);
        } else {
            replace(probe);
        }
    }

    private Duration patience() {
        Duration longer = commandTimeout.multipliedBy(2L << Math.min(replaced.get(), MAX_DOUBLINGS));
        return longer.compareTo(LONGEST_PATIENCE) < 0 ? longer : LONGEST_PATIENCE;
    }

    private void replace(Probe<C> probe) {
        replaced.incrementAndGet();
        onSilence.run();
        CompletableFuture<C> next = connector.replace(probe.connection);
        probe.over = true; // after the connection was closed, so that no command is sent on it
        var unused = next.thenAccept(this::start);
    }
}
