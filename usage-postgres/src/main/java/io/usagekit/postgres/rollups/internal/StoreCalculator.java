package io.usagekit.postgres.rollups.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Computes figures of which PostgreSQL has a part and the store the rest. The snapshot of PostgreSQL isn't held while the store is asked: cells
 * with versions up to the one that was published in it don't change, and those that are removed since newer ones superseded them are missed by
 * their versions' sum.
 */
final class StoreCalculator implements UsageCalculator {

    private final PartCalculator parts;
    private final UsageCalculator rollups;
    private final InstantSource clock;
    private final StoreReads store;

    /**
     * A calculator.
     *
     * @param rollups computes whole figures without the store
     */
    StoreCalculator(PartCalculator parts, UsageCalculator rollups, InstantSource clock, StoreReads store) {
        this.parts = parts;
        this.rollups = rollups;
        this.clock = clock;
        this.store = store;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        long start = System.nanoTime();
        List<ProjectDays> differing = List.of();
        for (int attempt = 0; attempt < StoreReads.ATTEMPTS; attempt++) {
            Instant now = clock.instant();
            FigurePart part = parts.part(key, SqlErrors.leftOf(timeout, start));
            if (part.shipped().isEmpty()) {
                store.report(to -> to.fromRollups(key));
                return part.totals().of(key, now);
            }
            ShippedDays shipped = part.shipped().get();
            List<Instant> edges = List.of(key.period().start(), key.period().end());
            Map<String, List<ShippedUsage>> found =
                    store.read(Optional.of(key), shipped, edges, SqlErrors.leftOf(timeout, start));
            differing = shipped.differing(found);
            if (differing.isEmpty()) {
                Optional<CombinedQuery.Totals> totals = part.plus(found);
                if (totals.isEmpty()) {
                    store.report(to -> to.fromRollups(key));
                    return rollups.calculate(key, SqlErrors.leftOf(timeout, start)); // says why there is no figure
                }
                store.report(to -> to.fromCells(key, shipped.count()));
                return totals.get().of(key, now);
            }
        }
        store.refuse(Optional.of(key), differing, SqlErrors.leftOf(timeout, start));
        return rollups.calculate(key, SqlErrors.leftOf(timeout, start));
    }

    @Override
    public String canonicalId(String organisationId) {
        return parts.canonicalId(organisationId);
    }

    @Override
    public boolean knowsIds() {
        return parts.knowsIds();
    }

    @Override
    public void learnIds(Duration timeout) {
        parts.learnIds(timeout);
    }
}
