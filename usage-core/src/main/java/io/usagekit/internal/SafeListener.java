package io.usagekit.internal;

import io.usagekit.Freshness;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.internal.flight.Timers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls the host's listeners and logs what one throws, so that neither a caller, a computation nor another listener fails with it. Events
 * of a timer's thread reach them on {@link CompletableFuture}'s default executor, in order: a listener that blocks holds up no deadline.
 */
final class SafeListener implements UsageListener {

    private static final Logger LOG = LoggerFactory.getLogger(UsageListener.class);

    private final UsageListener[] hosts;
    private final ReentrantLock lock = new ReentrantLock();
    /** The last event that was passed on. */
    private CompletableFuture<Void> passedOn = CompletableFuture.completedFuture(null);

    SafeListener(List<UsageListener> hosts) {
        this.hosts = hosts.toArray(UsageListener[]::new);
    }

    @Override
    public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
        for (UsageListener host : hosts) {
            try {
                host.hit(key, tier, age); // written out: a hit in memory takes less time than the lambda would
            } catch (Throwable e) {
                thrown(host, e);
            }
        }
    }

    /** A hit in memory, of this result. */
    void hit(UsageKey key, UsageResult found) {
        if (hosts.length > 0) {
            hit(key, UsageListener.Tier.NEAR, found.age().orElseThrow());
        }
    }

    @Override
    public void miss(UsageKey key) {
        call(listener -> listener.miss(key));
    }

    @Override
    public void staleServed(UsageKey key, Freshness freshness, Duration age) {
        call(listener -> listener.staleServed(key, freshness, age));
    }

    @Override
    public void pendingServed(UsageKey key) {
        call(listener -> listener.pendingServed(key));
    }

    @Override
    public void loadRequested(UsageKey key) {
        call(listener -> listener.loadRequested(key));
    }

    @Override
    public void loadCompleted(UsageKey key, Origin origin) {
        call(listener -> listener.loadCompleted(key, origin));
    }

    @Override
    public void loadFailed(UsageKey key, Throwable error) {
        call(listener -> listener.loadFailed(key, error));
    }

    @Override
    public void coalesced(UsageKey key) {
        call(listener -> listener.coalesced(key));
    }

    @Override
    public void remoteLoadAwaited(UsageKey key) {
        call(listener -> listener.remoteLoadAwaited(key));
    }

    @Override
    public void refreshStarted(UsageKey key) {
        call(listener -> listener.refreshStarted(key));
    }

    @Override
    public void refreshDropped(UsageKey key) {
        call(listener -> listener.refreshDropped(key));
    }

    @Override
    public void refreshFailed(UsageKey key, Throwable error) {
        call(listener -> listener.refreshFailed(key, error));
    }

    @Override
    public void permitWaited(UsageKey key, Duration waited) {
        call(listener -> listener.permitWaited(key, waited));
    }

    @Override
    public void overloaded(UsageKey key) {
        call(listener -> listener.overloaded(key));
    }

    @Override
    public void computed(UsageKey key, Duration took) {
        call(listener -> listener.computed(key, took));
    }

    @Override
    public void unmeasured(UsageKey key, long rows) {
        call(listener -> listener.unmeasured(key, rows));
    }

    @Override
    public void computationFailed(UsageKey key, Throwable error) {
        call(listener -> listener.computationFailed(key, error));
    }

    @Override
    public void publicationRejected(UsageKey key) {
        call(listener -> listener.publicationRejected(key));
    }

    @Override
    public void entryUnreadable(UsageKey key) {
        call(listener -> listener.entryUnreadable(key));
    }

    @Override
    public void cacheReadFailed(UsageKey key, Throwable error) {
        call(listener -> listener.cacheReadFailed(key, error));
    }

    @Override
    public void cacheWriteFailed(UsageKey key, Throwable error) {
        call(listener -> listener.cacheWriteFailed(key, error));
    }

    @Override
    public void coordinationFailed(UsageKey key, Throwable error) {
        call(listener -> listener.coordinationFailed(key, error));
    }

    @Override
    public void trackingLost(String reason) {
        call(listener -> listener.trackingLost(reason));
    }

    @Override
    public void trackingRestored() {
        call(listener -> listener.trackingRestored());
    }

    private void call(Consumer<UsageListener> event) {
        if (hosts.length > 0 && Timers.isInAction()) {
            passOn(event);
        } else {
            callNow(event);
        }
    }

    private void passOn(Consumer<UsageListener> event) {
        lock.lock();
        try {
            passedOn = passedOn.thenRunAsync(() -> callNow(event));
        } finally {
            lock.unlock();
        }
    }

    private void callNow(Consumer<UsageListener> event) {
        for (UsageListener host : hosts) {
            try {
                event.accept(host);
            } catch (Throwable e) {
                thrown(host, e);
            }
        }
    }

    private static void thrown(UsageListener host, Throwable error) {
        LOG.warn(
                "the usage listener {} threw; the call goes on without it",
                host.getClass().getName(),
                error);
    }
}
