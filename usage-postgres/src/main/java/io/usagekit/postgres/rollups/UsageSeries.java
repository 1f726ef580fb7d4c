package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Adds sums by project and slice up to figures, series and projects. */
final class UsageSeries {

    /** Source of the sums. */
    @FunctionalInterface
    interface Sums {
        /** Reads the sums of one organisation, or of all, of the slices between these edges, in the order of {@link RollupSeriesQuery}. */
        void read(Optional<String> organisationId, List<Instant> edges, Consumer<RollupSeriesQuery.Sum> each);
    }

    private UsageSeries() {}

    static long calculateAll(UsagePeriod period, Instant now, Consumer<OrganisationUsage> each, Sums sums) {
        Objects.requireNonNull(each, "each");
        ByOrganisation merged = new ByOrganisation(sum -> each.accept(
                new OrganisationUsage(new UsageKey(sum.organisationId(), period), sum.received(), sum.sent(), now)));
        sums.read(Optional.empty(), List.of(period.start(), period.end()), merged);
        merged.end();
        return merged.organisations;
    }

    /** Adds up the projects of each organisation, which follow each other. */
    private static final class ByOrganisation implements Consumer<RollupSeriesQuery.Sum> {
        private final Consumer<RollupSeriesQuery.Sum> each;
        private RollupSeriesQuery.@Nullable Sum current;
        private long organisations;

        ByOrganisation(Consumer<RollupSeriesQuery.Sum> each) {
            this.each = each;
        }

        @Override
        public void accept(RollupSeriesQuery.Sum next) {
            RollupSeriesQuery.Sum before = current;
            if (before != null && before.organisationId().equals(next.organisationId())) {
                current = new RollupSeriesQuery.Sum(
                        next.organisationId(),
                        next.projectId(),
                        0,
                        before.received().plus(next.received()),
                        before.sent().plus(next.sent()));
            } else {
                end();
                current = next;
            }
        }

        void end() {
            if (current != null) {
                organisations++;
                each.accept(current);
                current = null;
            }
        }
    }

    static List<UsageSeriesPoint> series(UsageKey key, UsageSeriesGranularity granularity, ZoneId zone, Sums sums) {
        List<Instant> edges =
                granularity.edges(key.period().start(), key.period().end(), zone);
        UsageMetrics[] received = new UsageMetrics[edges.size() - 1];
        UsageMetrics[] sent = new UsageMetrics[edges.size() - 1];
        Arrays.fill(received, UsageMetrics.ZERO);
        Arrays.fill(sent, UsageMetrics.ZERO);
        sums.read(Optional.of(key.organisationId()), edges, sum -> {
            if (sum.slice() > 0) {
                received[sum.slice() - 1] = received[sum.slice() - 1].plus(sum.received());
                sent[sum.slice() - 1] = sent[sum.slice() - 1].plus(sum.sent());
            }
        });
        List<UsageSeriesPoint> points = new ArrayList<>();
        for (int i = 0; i < received.length; i++) {
            points.add(new UsageSeriesPoint(edges.get(i), edges.get(i + 1), received[i], sent[i]));
        }
        return List.copyOf(points);
    }

    static List<ProjectUsage> byProject(UsageKey key, Sums sums) {
        List<ProjectUsage> projects = new ArrayList<>();
        sums.read(
                Optional.of(key.organisationId()),
                List.of(key.period().start(), key.period().end()),
                sum -> projects.add(new ProjectUsage(sum.projectId(), sum.received(), sum.sent())));
        return List.copyOf(projects);
    }
}
