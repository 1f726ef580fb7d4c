package io.usagekit.page;

import io.usagekit.UsageKey;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.time.Duration;
import java.time.ZoneId;
import java.util.List;

/** Source of the days and projects of a figure. Thread-safe. */
public interface UsageDetails {

    /**
     * Returns the usage of each day of the period.
     *
     * @param zone its midnights begin the days
     * @throws io.usagekit.UsageException if it can't be computed
     */
    List<UsageSeriesPoint> byDay(UsageKey key, ZoneId zone);

    /**
     * Returns the usage of each project that counts; those without usage may be left out.
     *
     * @throws io.usagekit.UsageException if it can't be computed
     */
    List<ProjectUsage> byProject(UsageKey key);

    /**
     * Returns the days and projects that roll-ups have.
     *
     * @param timeout of each computation; 1 ms to 1 day
     */
    static UsageDetails of(PostgresRollups rollups, Duration timeout) {
        return new UsageDetails() {
            @Override
            public List<UsageSeriesPoint> byDay(UsageKey key, ZoneId zone) {
                return rollups.series(key, UsageSeriesGranularity.DAY, zone, timeout);
            }

            @Override
            public List<ProjectUsage> byProject(UsageKey key) {
                return rollups.byProject(key, timeout);
            }
        };
    }
}
