package io.usagekit.postgres.rollups.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes figures of which PostgreSQL has a part and the store the rest. The snapshot of PostgreSQL isn't held while the store is asked: cells
 * with versions up to the one that was published in it don't change, and those that are removed since newer ones superseded them are missed by
 * their versions' sum.
 */
final class StoreCalculator implements UsageCalculator {

    private static final Logger LOG = LoggerFactory.getLogger(RollupFeed.class);

    /** A store that differs twice may have lost cells; once, it may have removed superseded ones meanwhile, or a replica may lag. */
    private static final int ATTEMPTS = 2;

    private final PostgresRollupFeed feed;
    private final PartCalculator parts;
    private final UsageCalculator rollups;
    private final InstantSource clock;
    private final CellReader reader;
    private final CellReadListener listener;

    /**
     * A calculator.
     *
     * @param rollups computes whole figures without the store
     */
    StoreCalculator(
            PostgresRollupFeed feed,
            PartCalculator parts,
            UsageCalculator rollups,
            InstantSource clock,
            CellReader reader,
            CellReadListener listener) {
        this.feed = feed;
        this.parts = parts;
        this.rollups = rollups;
        this.clock = clock;
        this.reader = reader;
        this.listener = listener;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        long start = System.nanoTime();
        List<ProjectDays> differing = List.of();
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Instant now = clock.instant();
            FigurePart part = parts.part(key, SqlErrors.leftOf(timeout, start));
            if (part.shipped().isEmpty()) {
                report(to -> to.fromRollups(key));
                return part.totals().of(key, now);
            }
            ShippedDays shipped = part.shipped().get();
            Map<String, ShippedUsage> found = read(key, shipped, SqlErrors.leftOf(timeout, start));
            differing = shipped.differing(found);
            if (differing.isEmpty()) {
                Optional<CombinedQuery.Totals> totals = part.plus(found);
                if (totals.isEmpty()) {
                    report(to -> to.fromRollups(key));
                    return rollups.calculate(key, SqlErrors.leftOf(timeout, start)); // says why there is no figure
                }
                report(to -> to.fromCells(key, shipped.count()));
                return totals.get().of(key, now);
            }
        }
        // Another session may lock the ship list: then roll-ups answer all the same, in the other half of the time.
        long half = SqlErrors.leftOf(timeout, start).toMillis() / 2;
        refuse(key, differing, Duration.ofMillis(Math.max(1, half)));
        return rollups.calculate(key, SqlErrors.leftOf(timeout, start));
    }

    private Map<String, ShippedUsage> read(UsageKey key, ShippedDays shipped, Duration timeout) {
        if (shipped.days().isEmpty()) {
            return Map.of();
        }
        try {
            return reader.read(shipped.published(), shipped.days(), timeout);
        } catch (RuntimeException e) {
            report(to -> to.readFailed(key, e));
            throw e;
        }
    }

    private void refuse(UsageKey key, List<ProjectDays> differing, Duration timeout) {
        boolean reshipped = true;
        try {
            feed.reship(differing, timeout);
        } catch (UsageStorageException e) {
            reshipped = false;
            LOG.warn("days whose cells aren't those of the manifest can't be shipped again: {}", e.getMessage());
        }
        boolean isListed = reshipped;
        report(to -> to.refused(key, differing, isListed));
    }

    private void report(Consumer<CellReadListener> call) {
        try {
            call.accept(listener);
        } catch (RuntimeException e) {
            LOG.warn("the listener of the feed in the schema {} threw an exception", feed.schema(), e);
        }
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
