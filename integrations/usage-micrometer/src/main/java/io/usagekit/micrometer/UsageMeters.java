package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.usagekit.Freshness;
import io.usagekit.LoadOutcome;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.Map;
import java.util.function.Function;

/**
 * Meters of a service: one for each event of {@link UsageListener}, and gauges of {@link UsageService#stats}.
 *
 * <pre>{@code
 * UsageMeters meters = UsageMeters.of(registry);
 * UsageService usage = meters.bind(builder.addListener(meters).build());
 * }</pre>
 *
 * <p>Thread-safe. Services that share a registry have meters with a tag of the host's each.
 *
 * @since 0.1
 */
public final class UsageMeters implements UsageListener {

    private final MeterFactory meters;
    private final Map<Tier, Counter> hits;
    private final Counter misses;
    private final Map<Freshness, Timer> staleAges;
    private final Counter pending;
    private final Counter loadsRequested;
    private final Map<LoadOutcome.Origin, Counter> loadsCompleted;
    private final Map<Failure, Counter> loadsFailed;
    private final Counter loadsCoalesced;
    private final Counter loadsAwaited;
    private final Counter refreshesStarted;
    private final Counter refreshesDropped;
    private final Map<Failure, Counter> refreshesFailed;
    private final Timer permitWaits;
    private final Counter computationsRejected;
    private final Timer computations;
    private final DistributionSummary unmeasured;
    private final Map<Failure, Counter> computationsFailed;
    private final Counter publicationsRejected;
    private final Counter entriesUnreadable;
    private final Map<Failure, Counter> readsFailed;
    private final Map<Failure, Counter> writesFailed;
    private final Map<Failure, Counter> coordinationsFailed;
    private final Counter trackingLosses;
    private final Counter trackingRestorations;

    private UsageMeters(MeterFactory meters) {
        this.meters = meters;
        hits = meters.each(
                Tier.class,
                "tier",
                one -> one.counter("usagekit.hits", "Calls for which the cache had a figure that can be served"));
        misses = meters.counter("usagekit.misses", "Calls for which the cache had no such figure");
        staleAges = Map.of(
                Freshness.STALE,
                staleAge(meters, "stale"),
                Freshness.STALE_ON_ERROR,
                staleAge(meters, "stale_on_error"));
        pending =
                meters.counter("usagekit.pending", "Calls that were answered without a figure, which isn't known yet");
        loadsRequested =
                meters.counter("usagekit.loads.requested", "Loads that callers and refreshes started or joined");
        loadsCompleted = meters.each(
                LoadOutcome.Origin.class,
                "origin",
                one -> one.counter("usagekit.loads.completed", "Requested loads that completed"));
        loadsFailed = failures("usagekit.loads.failed", "Requested loads that failed or were dropped");
        loadsCoalesced =
                meters.counter("usagekit.loads.coalesced", "Requests that joined a load in flight in this process");
        loadsAwaited = meters.counter("usagekit.loads.remote.awaited", "Loads that waited for one of another process");
        refreshesStarted = meters.counter("usagekit.refreshes.started", "Refreshes of stale figures that started");
        refreshesDropped = meters.counter(
                "usagekit.refreshes.dropped", "Refreshes that were dropped for lack of a permit or a thread");
        refreshesFailed = failures("usagekit.refreshes.failed", "Refreshes that failed");
        permitWaits =
                meters.timer("usagekit.permits.wait", "How long computations that had to wait for a permit waited");
        computationsRejected =
                meters.counter("usagekit.computations.rejected", "Computations that were rejected: the queue was full");
        computations = meters.timer("usagekit.computations", "How long the calculator took for each figure");
        unmeasured = meters.summary(
                "usagekit.unmeasured",
                "rows",
                "Rows that a figure counts without their octets, of figures that have any");
        computationsFailed = failures("usagekit.computations.failed", "Computations in which the calculator failed");
        publicationsRejected = meters.counter(
                "usagekit.publications.rejected",
                "Figures that were computed but not stored: another lease or an invalidation came between");
        entriesUnreadable = meters.counter("usagekit.cache.unreadable", "Cached values that couldn't be decoded");
        readsFailed = failures("usagekit.cache.reads.failed", "Reads of the cache that failed");
        writesFailed = failures("usagekit.cache.writes.failed", "Writes to the cache that failed");
        coordinationsFailed = failures(
                "usagekit.coordination.failed", "Loads for which the store of the fleet's single-flight failed");
        trackingLosses = meters.counter(
                "usagekit.tracking.losses", "Times at which the near cache lost its invalidation messages");
        trackingRestorations = meters.counter(
                "usagekit.tracking.restorations", "Times at which the near cache got its invalidation messages again");
    }

    /** Registers the meters of a service's events. */
    public static UsageMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /**
     * Registers the meters of a service's events.
     *
     * @param tags of all these meters, such as the name of one service among several
     */
    public static UsageMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new UsageMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    private static Timer staleAge(MeterFactory meters, String freshness) {
        return meters.with("freshness", freshness)
                .timer("usagekit.stale.age", "Age of the figures past their soft limit that were served");
    }

    private Map<Failure, Counter> failures(String name, String description) {
        return meters.each(Failure.class, Failure.TAG, one -> one.counter(name, description));
    }

    /**
     * Registers gauges of this service's state, which are read without I/O; in place of those of a service that was bound before.
     *
     * @return the service
     */
    public UsageService bind(UsageService service) {
        gauge(service, "usagekit.permits.used", "Computations that hold a permit", UsageService.Stats::permitsInUse);
        gauge(service, "usagekit.permits.max", "Computations that may hold a permit", UsageService.Stats::permits);
        gauge(service, "usagekit.queue.size", "Computations that wait for a permit", UsageService.Stats::queued);
        gauge(service, "usagekit.queue.max", "Computations that may wait for a permit", UsageService.Stats::maxQueued);
        gauge(service, "usagekit.loads", "Loads in flight in this process", UsageService.Stats::loads);
        gauge(
                service,
                "usagekit.cache.near.size",
                "About how many figures this process's memory holds",
                stats -> stats.cache().nearSize().isPresent()
                        ? stats.cache().nearSize().getAsLong()
                        : Double.NaN);
        gauge(
                service,
                "usagekit.cache.up",
                "Whether the cache that processes share is reachable: 1 or 0, NaN if it isn't known",
                stats -> state(stats.cache().shared()));
        gauge(
                service,
                "usagekit.tracking.up",
                "Whether the near cache gets its invalidation messages: 1 or 0, NaN if it isn't known",
                stats -> state(stats.cache().tracking()));
        return service;
    }

    private void gauge(
            UsageService service, String name, String description, Function<UsageService.Stats, Number> value) {
        meters.gauge(name, description, () -> value.apply(service.stats()));
    }

    static double state(UsageCache.Condition condition) {
        return switch (condition) {
            case UP -> 1;
            case DOWN -> 0;
            case UNKNOWN -> Double.NaN;
        };
    }

    @Override
    public void hit(UsageKey key, Tier tier, Duration age) {
        MeterFactory.count(hits, tier);
    }

    @Override
    public void miss(UsageKey key) {
        misses.increment();
    }

    @Override
    public void staleServed(UsageKey key, Freshness freshness, Duration age) {
        Timer ages = staleAges.get(freshness);
        if (ages != null) {
            ages.record(age);
        }
    }

    @Override
    public void pendingServed(UsageKey key) {
        pending.increment();
    }

    @Override
    public void loadRequested(UsageKey key) {
        loadsRequested.increment();
    }

    @Override
    public void loadCompleted(UsageKey key, LoadOutcome.Origin origin) {
        MeterFactory.count(loadsCompleted, origin);
    }

    @Override
    public void loadFailed(UsageKey key, Throwable error) {
        MeterFactory.count(loadsFailed, Failure.of(error));
    }

    @Override
    public void coalesced(UsageKey key) {
        loadsCoalesced.increment();
    }

    @Override
    public void remoteLoadAwaited(UsageKey key) {
        loadsAwaited.increment();
    }

    @Override
    public void refreshStarted(UsageKey key) {
        refreshesStarted.increment();
    }

    @Override
    public void refreshDropped(UsageKey key) {
        refreshesDropped.increment();
    }

    @Override
    public void refreshFailed(UsageKey key, Throwable error) {
        MeterFactory.count(refreshesFailed, Failure.of(error));
    }

    @Override
    public void permitWaited(UsageKey key, Duration waited) {
        permitWaits.record(waited);
    }

    @Override
    public void overloaded(UsageKey key) {
        computationsRejected.increment();
    }

    @Override
    public void computed(UsageKey key, Duration took) {
        computations.record(took);
    }

    @Override
    public void unmeasured(UsageKey key, long rows) {
        unmeasured.record((double) rows);
    }

    @Override
    public void computationFailed(UsageKey key, Throwable error) {
        MeterFactory.count(computationsFailed, Failure.of(error));
    }

    @Override
    public void publicationRejected(UsageKey key) {
        publicationsRejected.increment();
    }

    @Override
    public void entryUnreadable(UsageKey key) {
        entriesUnreadable.increment();
    }

    @Override
    public void cacheReadFailed(UsageKey key, Throwable error) {
        MeterFactory.count(readsFailed, Failure.of(error));
    }

    @Override
    public void cacheWriteFailed(UsageKey key, Throwable error) {
        MeterFactory.count(writesFailed, Failure.of(error));
    }

    @Override
    public void coordinationFailed(UsageKey key, Throwable error) {
        MeterFactory.count(coordinationsFailed, Failure.of(error));
    }

    @Override
    public void trackingLost(String reason) {
        trackingLosses.increment();
    }

    @Override
    public void trackingRestored() {
        trackingRestorations.increment();
    }
}
