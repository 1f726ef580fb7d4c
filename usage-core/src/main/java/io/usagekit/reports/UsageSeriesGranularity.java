package io.usagekit.reports;

import io.usagekit.UsagePeriod;
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
 * Length of the points of a series, by the calendar and the clocks of a zone.
 *
 * @since 0.1
 */
public enum UsageSeriesGranularity {
    /** From one full hour to the next. In zones whose offset from UTC isn't whole hours, rows are read live: roll-ups are of UTC hours. */
    HOUR {
        @Override
        Instant next(Instant instant, ZoneId zone) {
            LocalDateTime hour = LocalDateTime.ofInstant(instant, zone).truncatedTo(ChronoUnit.HOURS);
            // Where clocks are set back, an hour may begin twice; where they are set forward, it may begin late.
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

    /**
     * Returns the granularity of this name, as a request has it: {@code hour}, {@code day} or {@code month}, in any case.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    public static UsageSeriesGranularity parse(String name) {
        return Stream.of(values())
                .filter(value -> value.name().equalsIgnoreCase(name))
                .findAny()
                .orElseThrow(() -> new IllegalArgumentException(
                        "granularity must be hour, day or month, but was \"" + name + "\""));
    }

    /** Returns the first edge after an instant. */
    abstract Instant next(Instant instant, ZoneId zone);

    /** Returns the edges of the points of a window, in their order: its start and end, and those between them. */
    public List<Instant> edges(UsagePeriod period, ZoneId zone) {
        List<Instant> edges = new ArrayList<>();
        for (Instant edge = period.start(); edge.isBefore(period.end()); edge = next(edge, zone)) {
            edges.add(edge);
        }
        edges.add(period.end());
        return List.copyOf(edges);
    }
}
