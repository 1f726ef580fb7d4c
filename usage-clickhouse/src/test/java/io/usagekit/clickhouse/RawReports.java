package io.usagekit.clickhouse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import javax.sql.DataSource;

/**
 * The oracle of series and reports: the combined query over the raw rows once for each point, and once for each project, as if each project were an
 * organisation.
 */
record RawReports(DataSource dataSource, String schema, UsageCalculator ofOrganisations, UsageCalculator ofProjects) {

    private static final Duration TIMEOUT = Duration.ofSeconds(60);

    /** Their days and months begin with whole UTC hours; clocks of the second are set forward in March. */
    static final List<String> WHOLE_HOURS = List.of("UTC", "America/New_York", "Asia/Tokyo", "Pacific/Apia");

    /** All points of the second begin within a UTC hour. */
    static final List<String> ZONES = List.of("UTC", "Asia/Kolkata", "America/New_York");

    /** A random series of up to 60 points. */
    record Series(UsageKey key, UsageSeriesGranularity granularity, ZoneId zone) {}

    /** Over the library's tables in a schema. */
    static RawReports of(DataSource dataSource, String schema) {
        TableMapping mapping = TableMapping.usagekit(schema);
        return new RawReports(
                dataSource,
                schema,
                PostgresUsage.calculator(dataSource, mapping),
                PostgresUsage.calculator(
                        dataSource,
                        mapping.toBuilder().projectOrganisationId("id").build()));
    }

    static Series randomSeries(Random random, UsageKey key, List<String> zones) {
        UsageSeriesGranularity[] all = UsageSeriesGranularity.values();
        ZoneId zone = ZoneId.of(zones.get(random.nextInt(zones.size())));
        UsageSeriesGranularity granularity = all[random.nextInt(all.length)];
        UsagePeriod period = key.period();
        Instant end = period.start().plus(Duration.ofHours(60));
        boolean isLong = granularity == UsageSeriesGranularity.HOUR && end.isBefore(period.end());
        return new Series(
                isLong ? new UsageKey(key.organisationId(), UsagePeriod.between(period.start(), end)) : key,
                granularity,
                zone);
    }

    List<UsageSeriesPoint> series(Series series) {
        List<Instant> edges = series.granularity().edges(series.key().period(), series.zone());
        List<UsageSeriesPoint> points = new ArrayList<>();
        for (int i = 0; i + 1 < edges.size(); i++) {
            UsagePeriod part = UsagePeriod.between(edges.get(i), edges.get(i + 1));
            OrganisationUsage usage =
                    ofOrganisations.calculate(new UsageKey(series.key().organisationId(), part), TIMEOUT);
            points.add(
                    new UsageSeriesPoint(part.start(), part.end(), usage.received(), usage.sent(), usage.unmeasured()));
        }
        return points;
    }

    List<ProjectUsage> byProject(UsageKey key) {
        List<ProjectUsage> projects = new ArrayList<>();
        for (String id : projectsOf(key.organisationId())) {
            OrganisationUsage usage = ofProjects.calculate(new UsageKey(id, key.period()), TIMEOUT);
            projects.add(new ProjectUsage(id, usage.received(), usage.sent(), usage.unmeasured()));
        }
        return projects;
    }

    private List<String> projectsOf(String organisationId) {
        try (Connection connection = dataSource.getConnection();
                PreparedStatement statement = connection.prepareStatement("select id from " + schema
                        + ".projects where organisation_id = ? and deleted_at is null order by id collate \"C\"")) {
            statement.setString(1, organisationId);
            List<String> ids = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    ids.add(rows.getString(1));
                }
            }
            return ids;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
