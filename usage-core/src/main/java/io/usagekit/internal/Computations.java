package io.usagekit.internal;

import io.usagekit.OutagePolicy;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.internal.GuardedCache.WriteOutage;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.Timers;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** State that the computations of one service share: the calculator, the permits, the threads. */
final class Computations {

    private static final Logger LOG = LoggerFactory.getLogger(UsageService.class);

    private final DefaultUsageService.Settings settings;
    private final UsageListener listener;
    private final GuardedCache cache;
    private final BackOff backOff;
    private final WriteOutage writeOutage;
    private final ComputationIncidents incidents;
    private final Permits permits;
    private final Timers timers;
    private final Executor executor;
    private final @Nullable ComputationPool ownPool;
    private final Set<UsageLoad> inFlight = ConcurrentHashMap.newKeySet();
    private final Drain drain = new Drain();
    private volatile boolean closed;

    Computations(DefaultUsageService.Settings settings, UsageListener listener, GuardedCache cache, BackOff backOff) {
        this.settings = settings;
        this.listener = listener;
        this.cache = cache;
        this.backOff = backOff;
        this.writeOutage = new WriteOutage(settings.errorBackOff(), settings.ticker());
        this.incidents = new ComputationIncidents(settings.ticker());
        this.permits =
                new Permits(settings.maxConcurrent(), settings.maxConcurrentPerOrganisation(), settings.maxQueued());
        this.timers = settings.scheduler() == null ? new Timers() : new Timers(settings.scheduler());
        Executor hosts = settings.executor();
        if (hosts == null) {
            ComputationPool pool = new ComputationPool(settings.maxConcurrent());
            this.ownPool = pool;
            this.executor = pool;
        } else {
            this.ownPool = null;
            this.executor = hosts;
        }
    }

    static UsageUnavailableException notWithoutCache(UsageKey key, Throwable outage) {
        return new UsageUnavailableException(
                "the usage of " + key + " isn't computed while the cache can't be reached", outage);
    }

    UsageCalculator calculator() {
        return settings.calculator();
    }

    Duration timeout() {
        return settings.computationTimeout();
    }

    OutagePolicy outagePolicy() {
        return settings.outagePolicy();
    }

    LongSupplier ticker() {
        return settings.ticker();
    }

    long now() {
        return settings.ticker().getAsLong();
    }

    UsageListener listener() {
        return listener;
    }

    GuardedCache cache() {
        return cache;
    }

    BackOff backOff() {
        return backOff;
    }

    WriteOutage writeOutage() {
        return writeOutage;
    }

    ComputationIncidents incidents() {
        return incidents;
    }

    Permits permits() {
        return permits;
    }

    Executor executor() {
        return executor;
    }

    /** Hands a task to the executor; a host's, which may block, not on the timers' thread. */
    void submit(Runnable handOver) {
        if (ownPool == null) {
            Timers.passOn(handOver);
        } else {
            handOver.run();
        }
    }

    Delays delays() {
        return timers;
    }

    boolean isClosed() {
        return closed;
    }

    /** Returns how many loads of this process are in flight. */
    int loads() {
        return inFlight.size();
    }

    void started(UsageLoad load) {
        inFlight.add(load);
    }

    void ended(UsageLoad load) {
        if (inFlight.remove(load)) {
            drain.signal();
        }
    }

    /**
     * Waits for the loads in flight, up to a timeout; then refuses those that wait, interrupts those that run in the own pool and
     * lets them cancel their statements.
     */
    void close(Duration timeout) {
        boolean drained = drain.await(inFlight::isEmpty, timeout);
        closed = true;
        permits.close();
        if (ownPool != null) {
            ownPool.close();
        }
        if (!drained) {
            LOG.warn(
                    "closing the service: {} loads were still in flight after drainTimeout ({}); they fail, and those that the"
                            + " service's own pool computes are interrupted",
                    inFlight.size(),
                    timeout);
            inFlight.forEach(UsageLoad::abandon);
            if (ownPool != null) {
                ownPool.awaitEnd();
            }
        }
    }

    /** Ends the timers, after everything that uses them. */
    void closeTimers() {
        timers.close();
    }
}
