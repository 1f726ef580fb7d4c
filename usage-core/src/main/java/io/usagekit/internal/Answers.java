package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;

/** Makes the results that callers receive, by the limits of figures and the ends of their periods; notifies the listener. */
final class Answers {

    private final Limits limits;
    private final UsageListener listener;
    private final InstantSource clock;
    private final UsageCache.NearReader<UsageResult> freshOnly = this::fresh;

    Answers(Limits limits, UsageListener listener, InstantSource clock) {
        this.limits = limits;
        this.listener = listener;
        this.clock = clock;
    }

    /** Returns the result of a cached figure; null if it isn't fresh. */
    @Nullable
    UsageResult fresh(AgedUsage figure) {
        return limits.isFresh(figure) ? UsageResult.fresh(figure, limits.freshUntil(figure)) : null;
    }

    /** Makes the result of a figure in memory if that is fresh; nothing of another one. */
    UsageCache.NearReader<UsageResult> freshOnly() {
        return freshOnly;
    }

    private @Nullable UsageResult fresh(OrganisationUsage usage, long ageNanos) {
        long freshUntilNanos = limits.freshUntilNanos(usage);
        return ageNanos < freshUntilNanos ? UsageResult.fresh(usage, ageNanos, freshUntilNanos) : null;
    }

    UsageResult stale(UsageKey key, AgedUsage figure) {
        listener.staleServed(key, Freshness.STALE, figure.age());
        return UsageResult.stale(figure);
    }

    UsageResult staleOnError(UsageKey key, AgedUsage figure) {
        listener.staleServed(key, Freshness.STALE_ON_ERROR, figure.age());
        return UsageResult.staleOnError(figure);
    }

    UsageResult pending(UsageKey key) {
        listener.pendingServed(key);
        return UsageResult.pending(key, clock.instant());
    }

    /**
     * Returns the result of a load under this caller's own period: callers that share a load may label the window differently. A
     * figure that was computed while the caller waited is fresh, whatever the limits, unless its period ended meanwhile.
     */
    UsageResult loaded(UsageKey key, LoadOutcome outcome) {
        AgedUsage figure = outcome.figure().orElseThrow();
        AgedUsage own = new AgedUsage(figure.usage().withPeriod(key.period()), figure.age());
        boolean isFresh = outcome.origin() == Origin.CACHED ? limits.isFresh(own) : !Limits.isOverdue(own);
        return isFresh ? UsageResult.fresh(own, limits.freshUntil(own)) : UsageResult.stale(own);
    }
}
