package io.usagekit.postgres.partitions;

import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.TemporalAdjusters;
import java.util.Locale;

/**
 * How much time a partition holds, in UTC.
 *
 * @since 0.1
 */
public enum PartitionInterval {
    /** From midnight to midnight. */
    DAY("uuuuMMdd"),
    /** From Monday to Monday. */
    WEEK("uuuuMMdd"),
    /** From the first to the first. */
    MONTH("uuuuMM");

    private final DateTimeFormatter suffix;

    PartitionInterval(String suffix) {
        this.suffix = DateTimeFormatter.ofPattern(suffix, Locale.ROOT);
    }

    /** Where the partition begins that holds an instant. */
    Instant floor(Instant instant) {
        LocalDate day = LocalDate.ofInstant(instant, ZoneOffset.UTC);
        return begin(
                switch (this) {
                    case DAY -> day;
                    case WEEK -> day.with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
                    case MONTH -> day.withDayOfMonth(1);
                });
    }

    /** Where the one after it begins. */
    Instant next(Instant begin) {
        LocalDate day = LocalDate.ofInstant(begin, ZoneOffset.UTC);
        return begin(
                switch (this) {
                    case DAY -> day.plusDays(1);
                    case WEEK -> day.plusWeeks(1);
                    case MONTH -> day.plusMonths(1);
                });
    }

    private static Instant begin(LocalDate day) {
        return day.atStartOfDay(ZoneOffset.UTC).toInstant();
    }

    /** What the name of the partition that begins then ends with. */
    String suffix(Instant begin) {
        return "_p" + suffix.format(LocalDate.ofInstant(begin, ZoneOffset.UTC));
    }
}
