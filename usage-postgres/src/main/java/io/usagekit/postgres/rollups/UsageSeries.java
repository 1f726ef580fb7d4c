package io.usagekit.postgres.rollups;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Adds sums by project and slice up to figures, series and projects.
 *
 * @param sums their source, within a timeout
 */
record UsageSeries(InstantSource clock, Function<Duration, Sums> sums) implements UsageReports {

    /** Source of the sums. */
    @FunctionalInterface
    interface Sums {
        /** Reads the sums of one organisation, or of all, of the slices between these edges, in the order of {@link RollupSeriesQuery}. */
        void read(Optional<String> organisationId, List<Instant> edges, RollupSeriesQuery.Reader reader);
    }

    @Override
    public long calculateAll(
            UsagePeriod period,
            Duration timeout,
            Consumer<OrganisationUsage> each,
            BiConsumer<String, UsageCalculationException> failed) {
        Objects.requireNonNull(each, "each");
        Objects.requireNonNull(failed, "failed");
        ByOrganisation merged = new ByOrganisation(period, clock.instant(), each, failed);
        sums.apply(timeout).read(Optional.empty(), List.of(period.start(), period.end()), merged);
        merged.end();
        return merged.organisations;
    }

    /** Adds up the projects of each organisation, which follow each other. */
    private static final class ByOrganisation implements RollupSeriesQuery.Reader {
        private final UsagePeriod period;
        private final Instant now;
        private final Consumer<OrganisationUsage> each;
        private final BiConsumer<String, UsageCalculationException> failed;
        private @Nullable String organisation;
        private UsageMetrics received = UsageMetrics.ZERO;
        private UsageMetrics sent = UsageMetrics.ZERO;
        private long unmeasured;
        private @Nullable UsageCalculationException failure;
        private long organisations;

        ByOrganisation(
                UsagePeriod period,
                Instant now,
                Consumer<OrganisationUsage> each,
                BiConsumer<String, UsageCalculationException> failed) {
            this.period = period;
            this.now = now;
            this.each = each;
            this.failed = failed;
        }

        @Override
        public void sum(RollupSeriesQuery.Sum next) {
            begin(next.organisationId());
            try {
                received = received.plus(next.received());
                sent = sent.plus(next.sent());
                unmeasured += next.unmeasured();
            } catch (ArithmeticException e) {
                fail(new UsageCalculationException(
                        "the sums of its projects exceed " + Long.MAX_VALUE + ", the largest figure", e));
            }
        }

        @Override
        public void failed(String organisationId, UsageCalculationException why) {
            begin(organisationId);
            fail(why);
        }

        private void begin(String next) {
            if (!next.equals(organisation)) {
                end();
                organisation = next;
            }
        }

        private void fail(UsageCalculationException why) {
            if (failure == null) {
                failure = why;
            }
        }

        void end() {
            String id = organisation;
            if (id == null) {
                return;
            }
            OrganisationUsage usage = null;
            UsageCalculationException why = failure;
            if (why == null) {
                try {
                    usage = new OrganisationUsage(new UsageKey(id, period), received, sent, now, unmeasured);
                } catch (IllegalArgumentException e) {
                    why = UsageCalculationException.permanent(
                            "an organisation of the table has an id that no figure can have: " + e.getMessage(), e);
                }
            }
            organisation = null;
            received = UsageMetrics.ZERO;
            sent = UsageMetrics.ZERO;
            unmeasured = 0;
            failure = null;
            if (usage != null) {
                organisations++;
                each.accept(usage);
            } else if (why != null) {
                failed.accept(id, why);
            }
        }
    }

    @Override
    public List<UsageSeriesPoint> series(
            UsageKey key, UsageSeriesGranularity granularity, ZoneId zone, Duration timeout) {
        List<Instant> edges = granularity.edges(key.period(), zone);
        UsageMetrics[] received = new UsageMetrics[edges.size() - 1];
        UsageMetrics[] sent = new UsageMetrics[edges.size() - 1];
        long[] unmeasured = new long[edges.size() - 1];
        Arrays.fill(received, UsageMetrics.ZERO);
        Arrays.fill(sent, UsageMetrics.ZERO);
        sums.apply(timeout).read(Optional.of(key.organisationId()), edges, sum -> {
            if (sum.slice() > 0) {
                received[sum.slice() - 1] = received[sum.slice() - 1].plus(sum.received());
                sent[sum.slice() - 1] = sent[sum.slice() - 1].plus(sum.sent());
                unmeasured[sum.slice() - 1] += sum.unmeasured();
            }
        });
        List<UsageSeriesPoint> points = new ArrayList<>();
        for (int i = 0; i < received.length; i++) {
            points.add(new UsageSeriesPoint(edges.get(i), edges.get(i + 1), received[i], sent[i], unmeasured[i]));
        }
        return List.copyOf(points);
    }

    @Override
    public List<ProjectUsage> byProject(UsageKey key, Duration timeout) {
        List<ProjectUsage> projects = new ArrayList<>();
        sums.apply(timeout)
                .read(
                        Optional.of(key.organisationId()),
                        List.of(key.period().start(), key.period().end()),
                        sum -> projects.add(
                                new ProjectUsage(sum.projectId(), sum.received(), sum.sent(), sum.unmeasured())));
        return List.copyOf(projects);
    }
}
