package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.OutageLog;
import io.usagekit.redis.internal.RedisErrors;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps one tracking connection: when it ends, another one is opened, at most one a second. Where Redis refuses to track, the next
 * attempts follow after 2 s, 4 s and so on, up to a minute. An attempt that takes long is abandoned, since the address may lead to a
 * server that hangs, and to another one later.
 */
final class TrackingSupervisor {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** Shortest time from the start of an attempt to that of the next. */
    static final Duration RETRY = Duration.ofSeconds(1);

    private static final Duration LONGEST_RETRY = Duration.ofMinutes(1);
    private static final int MAX_DOUBLINGS = 16;

    private final NearCacheContext context;
    private final Duration retry;
    private final OutageLog loss = new OutageLog(
            "the near cache receives no invalidation messages and serves fallback copies only, until it can track again",
            "the near cache receives invalidation messages again");
    /** Reason of a loss of which the listener has not been notified yet. */
    private final AtomicReference<@Nullable String> unreported = new AtomicReference<>();

    /** How long an attempt may take: after each that took so long twice as long. */
    private volatile Duration patience;

    /** Number of attempts in a row after which Redis has refused to track. */
    private final AtomicInteger refusals = new AtomicInteger();

    private volatile @Nullable UsageListener listener;
    private volatile @Nullable TrackingConnection current;
    private volatile @Nullable CompletableFuture<Void> nextAttempt;
    private volatile CompletableFuture<Void> inProgress = CompletableFuture.completedFuture(null);
    private volatile boolean closed;

    TrackingSupervisor(NearCacheContext context, Duration retry) {
        this.context = context;
        this.retry = retry;
        this.patience = context.settings().limits().patience();
    }

    /**
     * Makes the first attempt and waits for its end, but no longer than this.
     *
     * @param patience how much longer the attempt may last before its delay counts as a loss
     */
    void open(Duration wait, Duration patience) {
        CompletableFuture<Void> first = attempt();
        try {
            first.get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            if (patience.isZero()) {
                loseUnlessConnected();
            } else {
                var unused = context.timeouts().limit(first.copy(), patience).exceptionally(timeout -> {
                    loseUnlessConnected();
                    return null;
                });
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e); // can't happen: a failed attempt completes normally
        }
    }

    private void loseUnlessConnected() {
        if (closed) {
            return;
        }
        lose("no connection within connectTimeout");
        if (current() != null) {
            regain(); // the connection was made just then
        }
    }

    /** Returns the valid tracking connection; null if there is none at present. */
    @Nullable
    TrackingConnection current() {
        TrackingConnection latest = current;
        return latest == null || latest.validity().hasEnded() ? null : latest;
    }

    void observe(UsageListener host) {
        listener = host;
        notifyLoss();
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
                .thenCompose(connection -> TrackingConnection.begin(connection, context, epoch))
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
            ConnectionAttempt.start(
                    () -> ((RedisClient) context.settings().client()).connect(StringCodec.UTF8),
                    context.settings().limits().longest(),
                    connecting);
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
        clearStore();
        regain();
        var unused = tracking.ended().thenAccept(reason -> end(reason, began));
        if (closed) {
            tracking.end("closed");
        }
    }

    /**
     * Changes since the last connection are unknown: not even fallback copies stay. Only where the client's server has been read-only since,
     * so that connections are replaced again and again, those stay that couldn't be stored in it: each replacement would cost the
     * computations of all such figures.
     */
    private void clearStore() {
        if (context.failover().isReadOnly()) {
            context.store().removeStored();
        } else {
            context.store().clear();
        }
    }

    private void end(String reason, long began) {
        if (closed) {
            return;
        }
        lose(reason);
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

    private void lose(String reason) {
        if (loss.begin(loss.state(), reason)) {
            unreported.set(reason);
            notifyLoss();
        }
    }

    private void regain() {
        if (!loss.end()) {
            return;
        }
        UsageListener host = listener;
        if (unreported.getAndSet(null) == null && host != null) {
            notify(host::trackingRestored);
        }
    }

    private void notifyLoss() {
        UsageListener host = listener;
        if (host == null) {
            return;
        }
        String reason = unreported.getAndSet(null);
        if (reason != null) {
            notify(() -> host.trackingLost(reason));
        }
    }

    private static void notify(Runnable event) {
        try {
            event.run();
        } catch (Throwable e) {
            LOG.warn("the usage listener threw in trackingLost or trackingRestored; the exception is ignored", e);
        }
    }

    /** Closes the connection; waits for an attempt in progress, but no longer than the command timeout, and then for the connection, at most 2 s. */
    void close() {
        closed = true;
        CompletableFuture<Void> next = nextAttempt;
        if (next != null) {
            next.complete(null); // and its timer with it
        }
        try {
            // If the host shuts its client down next, the client drops the attempt and its thread would block for
            // minutes.
            inProgress.get(context.settings().commandTimeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // The attempt closes its connection itself.
        }
        TrackingConnection latest = current;
        if (latest != null) {
            Connector.await(latest.close());
        }
    }
}
