package io.usagekit.internal;

import io.usagekit.Tier;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps what the host's listener throws from the caller and from the computation. */
final class SafeListener implements UsageListener {

    private static final Logger LOG = LoggerFactory.getLogger(UsageListener.class);

    private final UsageListener host;

    SafeListener(UsageListener host) {
        this.host = host;
    }

    @Override
    public void hit(UsageKey key, Tier tier, Duration age) {
        tell(listener -> listener.hit(key, tier, age));
    }

    @Override
    public void miss(UsageKey key) {
        tell(listener -> listener.miss(key));
    }

    @Override
    public void coalesced(UsageKey key) {
        tell(listener -> listener.coalesced(key));
    }

    @Override
    public void refreshStarted(UsageKey key) {
        tell(listener -> listener.refreshStarted(key));
    }

    @Override
    public void refreshDropped(UsageKey key) {
        tell(listener -> listener.refreshDropped(key));
    }

    @Override
    public void computed(UsageKey key, Duration took) {
        tell(listener -> listener.computed(key, took));
    }

    @Override
    public void computationFailed(UsageKey key, Throwable error) {
        tell(listener -> listener.computationFailed(key, error));
    }

    @Override
    public void cacheReadFailed(UsageKey key, Throwable error) {
        tell(listener -> listener.cacheReadFailed(key, error));
    }

    @Override
    public void cacheWriteFailed(UsageKey key, Throwable error) {
        tell(listener -> listener.cacheWriteFailed(key, error));
    }

    private void tell(Consumer<UsageListener> event) {
        try {
            event.accept(host);
        } catch (Throwable e) {
            LOG.warn("a usage listener threw; the call goes on without it", e);
        }
    }
}
