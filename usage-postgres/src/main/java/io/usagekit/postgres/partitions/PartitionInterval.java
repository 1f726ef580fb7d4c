package io.usagekit.postgres.partitions;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.TemporalAdjusters;
import java.util.Locale;

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

    private static Instant startOf(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    /** Returns the suffix of the name of the partition that starts at an instant. */
    String suffix(Instant start) {
        return "_p" + suffix.format(LocalDate.ofInstant(start, ZoneOffset.UTC));
    }
}
