package io.usagekit.postgres.partitions;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.TemporalAdjusters;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The time span of a partition, in UTC.
 *
 * @since 0.1
 */
public enum PartitionInterval {
    /** From midnight to midnight. */
    DAY("uuuuMMdd"),
    /** From Monday to Monday. */
    WEEK("uuuuMMdd"),
    /** From the first of a month to the first of the next. */
    MONTH("uuuuMM");

    private static final int LAST_DAY_OF_EACH_MONTH = 28;

    private final DateTimeFormatter suffix;

    PartitionInterval(String suffix) {
        this.suffix = DateTimeFormatter.ofPattern(suffix, Locale.ROOT);
    }

    /** Returns the start of the partition that holds an instant. */
    Instant floor(Instant instant) {
        LocalDate day = LocalDate.ofInstant(instant, ZoneOffset.UTC);
        return startOf(
                switch (this) {
                    case DAY -> day;
                    case WEEK -> day.with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
                    case MONTH -> day.withDayOfMonth(1);
                });
    }

    /** Returns the start of the partition after the one that starts at an instant. */
    Instant next(Instant start) {
        LocalDate day = LocalDate.ofInstant(start, ZoneOffset.UTC);
        return startOf(
                switch (this) {
                    case DAY -> day.plusDays(1);
                    case WEEK -> day.plusWeeks(1);
                    case MONTH -> day.plusMonths(1);
                });
    }

    /** Returns the start of the partition before the one that starts at an instant. */
    Instant previous(Instant start) {
        LocalDate day = LocalDate.ofInstant(start, ZoneOffset.UTC);
        return startOf(
                switch (this) {
                    case DAY -> day.minusDays(1);
                    case WEEK -> day.minusWeeks(1);
                    case MONTH -> day.minusMonths(1);
                });
    }

    /** Returns the interval of a partition from any midnight on, e.g. of a week from Sunday to Sunday; empty if it is of none. */
    static Optional<PartitionInterval> between(Instant lower, Instant upper) {
        LocalDate day = LocalDate.ofInstant(lower, ZoneOffset.UTC);
        return Stream.of(values())
                .filter(interval -> startOf(day).equals(lower)
                        && interval.next(lower).equals(upper)
                        && (interval != MONTH || day.getDayOfMonth() <= LAST_DAY_OF_EACH_MONTH))
                .findFirst();
    }

    private static Instant startOf(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    /** Returns the suffix of the name of the partition that starts at an instant. */
    String suffix(Instant start) {
        return "_p" + suffix.format(LocalDate.ofInstant(start, ZoneOffset.UTC));
    }
}
