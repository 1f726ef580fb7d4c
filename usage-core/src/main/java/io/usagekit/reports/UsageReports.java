package io.usagekit.reports;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Usage in parts, and of all organisations. What one call returns is of one state. Safe for use by many threads at once.
 *
 * @since 0.1
 */
public interface UsageReports {

    /**
     * Computes the figures of every organisation with a project, for the end of a month; organisations without usage have zeros.
     *
     * @param timeout of the whole computation; 1 ms to 1 day
     * @param each receives each figure, in the order of organisation ids by code points; an exception that it throws ends the computation
     * @return the number of organisations
     * @throws UsageCalculationException as {@link #calculateAll(UsagePeriod, Duration, Consumer, BiConsumer)}; also at the end, when all
     *     others have been received, if an organisation has no figure, as that reports it: the message counts them and names the first,
     *     and the first hundred are its suppressed exceptions
     */
    default long calculateAll(UsagePeriod period, Duration timeout, Consumer<OrganisationUsage> each) {
        FailedOrganisations failed = new FailedOrganisations();
        long computed = calculateAll(period, timeout, each, failed);
        failed.throwIfAny(period, computed);
        return computed;
    }

    /**
     * Computes the figures of every organisation, as {@link #calculateAll(UsagePeriod, Duration, Consumer)} does, and reports those that
     * have none.
     *
     * @param each receives each figure, and {@code failed} each organisation's id and why it has none, all in the order of ids
     * @return the number of organisations that have a figure
     * @throws UsageCalculationException if there are no figures at all, or not by the timeout
     */
    long calculateAll(
            UsagePeriod period,
            Duration timeout,
            Consumer<OrganisationUsage> each,
            BiConsumer<String, UsageCalculationException> failed);

    /**
     * Computes the usage of an organisation hour by hour, day by day or month by month. The points follow each other without a gap and add up to
     * the figure of the whole window.
     *
     * @param zone of the hours, days or months
     * @param timeout of the whole computation; 1 ms to 1 day
     * @return at least one point; the first and the last may be parts of an hour, a day or a month
     * @throws UsageCalculationException if the organisation has no figure, or not by the timeout
     */
    List<UsageSeriesPoint> series(UsageKey key, UsageSeriesGranularity granularity, ZoneId zone, Duration timeout);

    /**
     * Computes the usage of each project of an organisation. The projects add up to the organisation's figure.
     *
     * @param timeout of the whole computation; 1 ms to 1 day
     * @return the projects that count, in the order of their ids; those without usage have zeros
     * @throws UsageCalculationException if the organisation has no figure, or not by the timeout
     */
    List<ProjectUsage> byProject(UsageKey key, Duration timeout);
}
