package io.usagekit.redis;

import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.RedisErrors;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Keeps one tracking connection to a server: when it ends, another one is opened, at most one a second. Where Redis refuses to track, the next
 * attempts follow after 2 s, 4 s and so on, up to a minute. An attempt that takes long is abandoned, since the address may lead to a
 * server that hangs, and to another one later.
 */
final class TrackingSupervisor implements Tracking {

    /** Shortest time from the start of an attempt to that of the next. */
    static final Duration RETRY = Duration.ofSeconds(1);

    private static final Duration LONGEST_RETRY = Duration.ofMinutes(1);
    private static final int MAX_DOUBLINGS = 16;

    private final NearCacheContext context;
    private final Duration retry;
    private final TrackedServer server;
    private final TrackingLoss loss;

    /** How long an attempt may take: after each that took so long twice as long. */
    private volatile Duration patience;

    /** Number of attempts in a row after which Redis has refused to track. */
    private final AtomicInteger refusals = new AtomicInteger();

    private volatile @Nullable TrackingConnection current;
    private volatile @Nullable CompletableFuture<Void> nextAttempt;
    private volatile CompletableFuture<Void> inProgress = CompletableFuture.completedFuture(null);
    private volatile boolean closed;

    TrackingSupervisor(NearCacheContext context, TrackedServer server, Duration retry) {
        this.context = context;
        this.server = server;
        this.retry = retry;
        this.loss = new TrackingLoss(server.name());
        this.patience = context.settings().limits().patience();
    }

    @Override
    public boolean isOfOneServer() {
        return true;
    }

    @Override
    public void open(Duration wait, Duration patience) {
        CompletableFuture<Void> first = attempt();
        try {
            first.get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            if (patience.isZero()) {
                loseUnlessConnected();
            } else {
                loseUnlessOver(first, patience);
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e); // can't happen: a failed attempt completes normally
        }
    }

    /**
     * Makes the first attempt.
     *
     * @param patience how long it may last before its delay counts as a loss
     * @return completes with the end of the attempt
     */
    CompletableFuture<Void> start(Duration patience) {
        CompletableFuture<Void> first = attempt();
        loseUnlessOver(first, patience);
        return first;
    }

    private void loseUnlessOver(CompletableFuture<Void> first, Duration patience) {
        var unused = context.timeouts().limit(first.copy(), patience).exceptionally(timeout -> {
            loseUnlessConnected();
            return null;
        });
    }

    private void loseUnlessConnected() {
        if (closed) {
            return;
        }
        loss.begin("no connection within connectTimeout");
        if (current() != null) {
            loss.end(); // the connection was made just then
        }
    }

    /** Returns the tracking connection; null if there is none at present. */
    private @Nullable TrackingConnection current() {
        TrackingConnection latest = current;
        return latest == null || latest.validity().hasEnded() ? null : latest;
    }

    @Override
    public @Nullable TrackingConnection connection(UsageKey key) {
        return current();
    }

    @Override
    public @Nullable TrackingValidity validity(UsageKey key) {
        TrackingConnection latest = current;
        return latest == null ? null : latest.validity();
    }

    @Override
    public boolean isValid(long now) {
        TrackingConnection latest = current;
        return latest != null && latest.validity().isValid(now);
    }

    @Override
    public void observe(UsageListener host) {
        loss.observe(host);
    }

    private CompletableFuture<Void> attempt() {
        if (closed) {
            return CompletableFuture.completedFuture(null);
        }
        long began = System.nanoTime();
        long epoch = context.failover().epoch();
        Duration limit = patience;
        CompletableFuture<StatefulRedisConnection<String, String>> connecting = new CompletableFuture<>();
        CompletableFuture<Void> over = context.timeouts()
                .limit(connecting, limit)
                .thenCompose(connection -> TrackingConnection.begin(connection, context, server, epoch))
                .handle((tracking, error) -> {
                    if (error == null) {
                        install(tracking, began);
                    } else {
                        failed(RedisErrors.unwrap(error), connecting, began, limit);
                    }
                    return null;
                });
        inProgress = over;
        if (closed) {
            connecting.cancel(false);
        } else {
            ConnectionAttempt.start(server::connect, context.settings().limits(), connecting);
        }
        return over;
    }

    private void failed(Throwable error, CompletableFuture<?> connecting, long began, Duration limit) {
        boolean hasConnected = !connecting.isCompletedExceptionally();
        if (error instanceof TrackingConnection.RefusedException) {
            refusals.incrementAndGet();
        } else if (!hasConnected && error instanceof TimeoutException) {
            patience = context.settings().limits().longer(limit);
        }
        String reason = hasConnected
                ? String.valueOf(error.getMessage())
                : error instanceof TimeoutException ? "no connection within " + limit : RedisErrors.reason(error);
        end(reason, began);
    }

    private void install(TrackingConnection tracking, long began) {
        patience = context.settings().limits().patience();
        refusals.set(0);
        current = tracking;
        server.installed(tracking);
        loss.end();
        var unused = tracking.ended().thenAccept(reason -> end(reason, began));
        if (closed) {
            tracking.end("closed");
        }
    }

    private void end(String reason, long began) {
        if (closed) {
            return;
        }
        loss.begin(reason);
        long wait = Math.max(0, pause().toNanos() - (System.nanoTime() - began));
        CompletableFuture<Void> next = context.timeouts().after(wait);
        nextAttempt = next;
        var unused = next.thenCompose(now -> attempt());
        if (closed) {
            next.complete(null);
        }
    }

    /** Returns the shortest time from the start of the last attempt to that of the next. */
    private Duration pause() {
        Duration longer = retry.multipliedBy(1L << Math.min(refusals.get(), MAX_DOUBLINGS));
        return longer.compareTo(LONGEST_RETRY) < 0 ? longer : LONGEST_RETRY;
    }

    /** Stops, closes the connection and ends a loss, whose server has no figures any more. Doesn't wait. */
    void retire(String reason) {
        var unused = stop();
        loss.leave(reason);
    }

    /**
     * Makes no further attempts and closes the connection. Doesn't wait.
     *
     * @return completes with the end of an attempt in progress
     */
    CompletableFuture<Void> stop() {
        closed = true;
        CompletableFuture<Void> next = nextAttempt;
        if (next != null) {
            next.complete(null); // and its timer with it
        }
        TrackingConnection latest = current;
        if (latest != null) {
            latest.end("closed");
        }
        return inProgress;
    }

    /** Waits for the ends of attempts, but no longer than this. */
    static void awaitEnds(CompletableFuture<Void> attempts, Duration limit) {
        try {
            // If the host shuts its client down next, the client drops an attempt and its thread would block for
            // minutes.
            attempts.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // The attempt closes its connection itself.
        }
    }

    /** Completes when the connection is closed. */
    CompletableFuture<Void> closing() {
        TrackingConnection latest = current;
        return latest == null ? CompletableFuture.completedFuture(null) : latest.close();
    }

    @Override
    public void close() {
        awaitEnds(stop(), context.settings().commandTimeout());
        Connector.await(closing());
    }
}
