package io.usagekit.postgres.rollups;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * How long the points of a series are, by the calendar and clocks of a zone.
 *
 * @since 0.1
 */
public enum UsageSeriesGranularity {
    /** From one full hour to the next. In zones that aren't whole hours off UTC rolled hours don't fit, and rows are read live. */
    HOUR {
        @Override
        Instant next(Instant instant, ZoneId zone) {
            LocalDateTime hour = LocalDateTime.ofInstant(instant, zone).truncatedTo(ChronoUnit.HOURS);
            // Where clocks are put back, an hour may begin twice; where they are put forward, it may begin late.
            return Stream.of(hour, hour.plusHours(1), hour.plusHours(2))
                    .map(local -> local.atZone(zone))
                    .flatMap(at -> Stream.of(at.withEarlierOffsetAtOverlap(), at.withLaterOffsetAtOverlap()))
                    .map(ZonedDateTime::toInstant)
                    .filter(instant::isBefore)
                    .min(Comparator.naturalOrder())
                    .orElseThrow();
        }
    },
    /** From midnight to midnight; 23 to 25 hours where clocks change. */
    DAY {
        @Override
        Instant next(Instant instant, ZoneId zone) {
            LocalDate day = instant.atZone(zone).toLocalDate();
            return day.plusDays(1).atStartOfDay(zone).toInstant();
        }
    },
    /** Calendar months. */
    MONTH {
        @Override
        Instant next(Instant instant, ZoneId zone) {
            LocalDate first = instant.atZone(zone).toLocalDate().withDayOfMonth(1);
            return first.plusMonths(1).atStartOfDay(zone).toInstant();
        }
    };

    /** The first edge after an instant. */
    abstract Instant next(Instant instant, ZoneId zone);

    /** All edges of a window, its own ones included. */
    List<Instant> edges(Instant start, Instant end, ZoneId zone) {
        List<Instant> edges = new ArrayList<>();
        for (Instant edge = start; edge.isBefore(end); edge = next(edge, zone)) {
            edges.add(edge);
        }
        edges.add(end);
        return edges;
    }
}
