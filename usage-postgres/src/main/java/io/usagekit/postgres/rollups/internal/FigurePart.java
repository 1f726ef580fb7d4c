package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What PostgreSQL has of a figure, in one snapshot.
 *
 * @param totals of all of the window but the days that are left to the store
 * @param shipped these; empty if the figure was computed without regard to the store
 */
public record FigurePart(CombinedQuery.Totals totals, Optional<ShippedDays> shipped) {

    /**
     * Adds what the store has of the projects whose days are left to it.
     *
     * @return empty if a sum exceeds {@code long}, or a row has no size: then there is no figure
     */
    Optional<CombinedQuery.Totals> plus(Map<String, List<ShippedUsage>> found) {
        try {
            CellSums sums = new CellSums(
                    totals.received().volume(),
                    totals.received().bytes(),
                    totals.sent().volume(),
                    totals.sent().bytes(),
                    0,
                    totals.unmeasured());
            for (String projectId :
                    shipped.map(ShippedDays::versions).orElse(Map.of()).keySet()) {
                for (ShippedUsage used : found.getOrDefault(projectId, List.of())) {
                    sums = sums.plus(used.sums());
                }
            }
            return sums.unmeasured() > 0
                    ? Optional.empty()
                    : Optional.of(new CombinedQuery.Totals(
                            new UsageMetrics(sums.receivedVolume(), sums.receivedBytes()),
                            new UsageMetrics(sums.sentVolume(), sums.sentBytes()),
                            sums.lostSizes()));
        } catch (ArithmeticException e) {
            return Optional.empty();
        }
    }
}
