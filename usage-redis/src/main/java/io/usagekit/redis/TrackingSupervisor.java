package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The tracking that is current, if there is one; when it ends another is begun, at most one a second. */
final class TrackingSupervisor {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** From the beginning of an attempt to that of the next. */
    static final Duration RETRY = Duration.ofSeconds(1);

    private final RedisClient client;
    private final Duration retry;
    private final TrackingConnection.Settings settings;
    private final OutageLog loss = new OutageLog(
            "the near cache isn't told of changes and serves fallback copies only",
            "the near cache is told of changes again");
    /** Why tracking was lost, until the listener knows. */
    private final AtomicReference<@Nullable String> untold = new AtomicReference<>();

    private volatile @Nullable UsageListener listener;
    private volatile @Nullable TrackingConnection current;
    private volatile @Nullable CompletableFuture<Void> nextAttempt;
    private volatile CompletableFuture<Void> underWay = CompletableFuture.completedFuture(null);
    private volatile boolean closed;

    TrackingSupervisor(RedisClient client, Duration retry, TrackingConnection.Settings settings) {
        this.client = client;
        this.retry = retry;
        this.settings = settings;
    }

    /** Makes the first attempt and waits for it, but no longer than this. */
    void open(Duration wait) {
        try {
            attempt().get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            loses("no connection in time");
            if (current() != null) {
                regains(); // it came just then
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e); // an attempt that fails is over, too
        }
    }

    /** The tracking under which figures are current, unless there is none now. */
    @Nullable
    TrackingConnection current() {
        TrackingConnection latest = current;
        return latest == null || latest.proof().isOver() ? null : latest;
    }

    void observe(UsageListener host) {
        listener = host;
        tellLoss();
    }

    private CompletableFuture<Void> attempt() {
        if (closed) {
            return CompletableFuture.completedFuture(null);
        }
        long began = System.nanoTime();
        CompletableFuture<StatefulRedisConnection<String, String>> connecting = new CompletableFuture<>();
        CompletableFuture<Void> over = connecting
                .thenCompose(connection -> TrackingConnection.begin(connection, settings))
                .handle((tracking, error) -> {
                    if (error == null) {
                        becomesCurrent(tracking, began);
                    } else {
                        ends(String.valueOf(TrackingConnection.unwrap(error).getMessage()), began);
                    }
                    return null;
                });
        underWay = over;
        if (closed) {
            connecting.cancel(false);
        } else {
            ConnectionAttempt.start(
                    () -> client.connect(StringCodec.UTF8), ConnectionAttempt.LONGEST, () -> false, connecting);
        }
        return over;
    }

    private void becomesCurrent(TrackingConnection tracking, long began) {
        current = tracking;
        settings.entries().clear(); // nobody tells changes of what came before: not even as fallback copies
        regains();
        var unused = tracking.ended().thenAccept(reason -> ends(reason, began));
        if (closed) {
            tracking.end("closed");
        }
    }

    private void ends(String reason, long began) {
        if (closed) {
            return;
        }
        loses(reason);
        long wait = Math.max(0, retry.toNanos() - (System.nanoTime() - began));
        CompletableFuture<Void> next =
                new CompletableFuture<Void>().completeOnTimeout(null, wait, TimeUnit.NANOSECONDS);
        nextAttempt = next;
        var unused = next.thenCompose(now -> attempt());
        if (closed) {
            next.complete(null);
        }
    }

    private void loses(String reason) {
        if (loss.begins(loss.turn(), reason)) {
            untold.set(reason);
            tellLoss();
        }
    }

    private void regains() {
        if (!loss.ends()) {
            return;
        }
        UsageListener host = listener;
        if (untold.getAndSet(null) == null && host != null) {
            tell(host::trackingRestored);
        }
    }

    private void tellLoss() {
        UsageListener host = listener;
        if (host == null) {
            return;
        }
        String reason = untold.getAndSet(null);
        if (reason != null) {
            tell(() -> host.trackingLost(reason));
        }
    }

    private static void tell(Runnable event) {
        try {
            event.run();
        } catch (Throwable e) {
            LOG.warn("a usage listener threw; the near cache goes on without it", e);
        }
    }

    /** Waits for an attempt that is under way, but no longer than a command may take; it closes its connection itself. */
    void close() {
        closed = true;
        CompletableFuture<Void> next = nextAttempt;
        if (next != null) {
            next.complete(null); // and its timer with it
        }
        try {
            // The host may shut its client down next, which would forget the attempt: its thread would wait for long.
            underWay.get(settings.commandTimeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // It ends by itself.
        }
        TrackingConnection latest = current;
        if (latest != null) {
            latest.close().join();
        }
    }
}
