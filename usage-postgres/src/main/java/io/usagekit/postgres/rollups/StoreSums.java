package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.rollups.internal.ShippedDays;
import io.usagekit.postgres.rollups.internal.StoreReads;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Sums by project and slice of which PostgreSQL has a part and a store the rest, as {@link
 * io.usagekit.postgres.rollups.spi.RollupFeed#reports} says. Nothing is passed on before all of it has been read and proved.
 */
record StoreSums(PostgresRollups.Settings settings, Jdbc jdbc, Duration timeout, StoreReads store)
        implements UsageSeries.Sums {

    @Override
    public void read(Optional<String> organisationId, List<Instant> edges, RollupSeriesQuery.Reader reader) {
        SqlErrors.checkTimeout(timeout);
        long start = System.nanoTime();
        Optional<UsageKey> key = organisationId.map(id ->
                new UsageKey(id, UsagePeriod.between(edges.get(0), edges.get(edges.size() - 1))));
        List<ProjectDays> differing = List.of();
        for (int attempt = 0; attempt < StoreReads.ATTEMPTS; attempt++) {
            Parts parts = new Parts(edges.size() - 1);
            rollups(start, true).read(organisationId, edges, parts);
            ShippedDays shipped = parts.shipped();
            Map<String, List<ShippedUsage>> found = store.read(key, shipped, edges, SqlErrors.leftOf(timeout, start));
            differing = shipped.differing(found);
            if (differing.isEmpty()) {
                key.ifPresent(of -> report(of, shipped));
                parts.passOn(found, reader);
                return;
            }
        }
        store.refuse(key, differing, SqlErrors.leftOf(timeout, start));
        rollups(start, false).read(organisationId, edges, reader);
    }

    private void report(UsageKey key, ShippedDays shipped) {
        store.report(to -> {
            if (shipped.published() > 0) {
                to.fromCells(key, shipped.count());
            } else {
                to.fromRollups(key);
            }
        });
    }

    private UsageSeries.Sums rollups(long start, boolean leavesShipped) {
        return new RollupSeriesQuery.OfRollups(settings, jdbc, SqlErrors.leftOf(timeout, start), leavesShipped);
    }

    /** What PostgreSQL has, project by project. */
    private static final class Parts implements RollupSeriesQuery.Reader {

        private final int slices;
        private final List<Part> parts = new ArrayList<>();

        Parts(int slices) {
            this.slices = slices;
        }

        @Override
        public void sum(RollupSeriesQuery.Sum sum) {
            Part last = parts.isEmpty() ? null : parts.get(parts.size() - 1);
            if (last == null || !last.isOf(sum)) {
                last = new Part(sum.organisationId(), sum.projectId(), slices, sum.shipped());
                parts.add(last);
            }
            last.add(sum);
        }

        @Override
        public void failed(String organisationId, UsageCalculationException why) {
            Part failed = new Part(organisationId, "", 0, Optional.empty());
            failed.failure = why;
            parts.add(failed);
        }

        ShippedDays shipped() {
            return ShippedDays.all(
                    parts.stream().flatMap(part -> part.shipped.stream()).toList());
        }

        void passOn(Map<String, List<ShippedUsage>> found, RollupSeriesQuery.Reader reader) {
            for (Part part : parts) {
                if (part.shipped.isPresent()) {
                    part.add(found.getOrDefault(part.projectId, List.of()));
                }
                if (part.failure != null) {
                    reader.failed(part.organisationId, part.failure);
                } else {
                    part.passOn(reader);
                }
            }
        }
    }

    /** What PostgreSQL has of a project, and then all of it; or why its organisation has no sums. */
    private static final class Part {

        private final String organisationId;
        private final String projectId;
        private final Optional<ShippedDays> shipped;
        private final CellSums[] sums;
        private @Nullable UsageCalculationException failure;

        Part(String organisationId, String projectId, int slices, Optional<ShippedDays> shipped) {
            this.organisationId = organisationId;
            this.projectId = projectId;
            this.shipped = shipped;
            this.sums = new CellSums[slices];
            Arrays.fill(sums, CellSums.ZERO);
        }

        boolean isOf(RollupSeriesQuery.Sum sum) {
            return failure == null
                    && sum.projectId().equals(projectId)
                    && sum.organisationId().equals(organisationId);
        }

        void add(RollupSeriesQuery.Sum sum) {
            if (sum.slice() > 0) {
                sums[sum.slice() - 1] = new CellSums(
                        sum.received().volume(),
                        sum.received().bytes(),
                        sum.sent().volume(),
                        sum.sent().bytes(),
                        0,
                        sum.unmeasured());
            }
        }

        void add(List<ShippedUsage> found) {
            for (int i = 0; i < found.size(); i++) {
                try {
                    sums[i] = sums[i].plus(found.get(i).sums());
                } catch (ArithmeticException e) {
                    failure = new UsageCalculationException(
                            "the sums of the project " + projectId + " exceed " + Long.MAX_VALUE + ", the largest sum",
                            e);
                }
                if (sums[i].unmeasured() > 0) {
                    failure = new UsageCalculationException(
                            sums[i].unmeasured() + " rows of the project " + projectId
                                    + " have no size; correct these rows",
                            null);
                }
            }
        }

        void passOn(RollupSeriesQuery.Reader reader) {
            boolean any = false;
            for (int i = 0; i < sums.length; i++) {
                if (!sums[i].equals(CellSums.ZERO)) {
                    any = true;
                    reader.sum(sum(i + 1, sums[i]));
                }
            }
            if (!any) {
                reader.sum(sum(0, CellSums.ZERO));
            }
        }

        private RollupSeriesQuery.Sum sum(int slice, CellSums of) {
            return new RollupSeriesQuery.Sum(
                    organisationId,
                    projectId,
                    slice,
                    new UsageMetrics(of.receivedVolume(), of.receivedBytes()),
                    new UsageMetrics(of.sentVolume(), of.sentBytes()),
                    of.lostSizes(),
                    Optional.empty());
        }
    }
}
