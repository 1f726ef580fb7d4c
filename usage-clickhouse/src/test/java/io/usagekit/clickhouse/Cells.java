package io.usagekit.clickhouse;

import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.List;
import java.util.stream.IntStream;

/** Cells of tests. */
final class Cells {

    static final Duration TIMEOUT = Duration.ofSeconds(30);
    static final LocalDate DAY = LocalDate.of(2026, 3, 1);

    private Cells() {}

    static Instant hour(LocalDate day, int hour) {
        return day.atStartOfDay(ZoneOffset.UTC).plusHours(hour).toInstant();
    }

    /** A cell with {@code volume} events of ten octets and as many deliveries of them. */
    static UsageCell cell(String project, Instant hour, long volume) {
        return new UsageCell(project, hour, sums(volume));
    }

    static CellSums sums(long volume) {
        return new CellSums(volume, 10 * volume, volume, 10 * volume, 0, 0);
    }

    /** One event in each hour of a day, in projects {@code p-0} and so on. */
    static List<UsageCell> oneEventAnHour(int projects, LocalDate day) {
        return IntStream.range(0, projects)
                .boxed()
                .flatMap(project -> IntStream.range(0, 24).mapToObj(hour -> cell("p-" + project, hour(day, hour), 1)))
                .toList();
    }

    static List<ProjectDays> days(int projects, LocalDate from, LocalDate to) {
        return IntStream.range(0, projects)
                .mapToObj(project -> new ProjectDays("p-" + project, from, to))
                .toList();
    }

    /** A state that is complete, of cells that all count. */
    static Watermark watermark(long version, Instant asOf, Instant coveredBefore) {
        return new Watermark(version, asOf, Instant.MIN, coveredBefore, 0, new Watermark.Projects(0, 0));
    }
}
