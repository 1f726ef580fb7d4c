package io.usagekit.page;

import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Figures, periods and ages as people read them. */
final class Words {

    private static final List<String> UNITS = List.of("kB", "MB", "GB", "TB", "PB", "EB");
    private static final int UNIT = 1_000;
    private static final DateTimeFormatter MONTH = DateTimeFormatter.ofPattern("MMMM uuuu", Locale.ENGLISH);
    private static final DateTimeFormatter DAY = DateTimeFormatter.ofPattern("d MMMM uuuu", Locale.ENGLISH);
    private static final DateTimeFormatter DAY_OF_WEEK = DateTimeFormatter.ofPattern("EEE d MMM", Locale.ENGLISH);
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("d MMMM uuuu, HH:mm", Locale.ENGLISH);
    private static final DateTimeFormatter CLOCK = DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS", Locale.ENGLISH);

    private Words() {}

    /** A number with its thousands separated: {@code 12,345}; a minus sign, not a hyphen, precedes a negative one. */
    static String count(long number) {
        return String.format(Locale.ENGLISH, "%,d", number).replace('-', '\u2212');
    }

    /** A number of things: {@code 1 event}, {@code 12,345 events}. */
    static String count(long number, String thing) {
        return count(number) + " " + things(number, thing);
    }

    /** The name of one thing or of several. */
    static String things(long number, String thing) {
        if (number == 1) {
            return thing;
        }
        return thing.endsWith("ry") ? thing.substring(0, thing.length() - 1) + "ies" : thing + "s";
    }

    /** Octets in the unit that fits, rounded to a tenth: {@code 512 B}, {@code 1.2 GB}. */
    static String size(long bytes) {
        BigDecimal left = BigDecimal.valueOf(bytes);
        String unit = "B";
        for (String next : UNITS) {
            // As it is printed: 999,999 octets aren't 1,000.0 kB.
            if (rounded(left).abs().compareTo(BigDecimal.valueOf(UNIT)) < 0) {
                break;
            }
            left = left.movePointLeft(3);
            unit = next;
        }
        String number = unit.equals("B") ? left.toPlainString() : rounded(left).toPlainString();
        return number.replace('-', '\u2212') + "\u00a0" + unit;
    }

    private static BigDecimal rounded(BigDecimal number) {
        return number.setScale(1, RoundingMode.HALF_UP);
    }

    /** Volume and size in one text: {@code 12,345 events, 1.2 GB}. */
    static String metrics(UsageMetrics metrics, String thing) {
        return count(metrics.volume(), thing) + ", " + size(metrics.bytes());
    }

    /** Difference from an earlier number in per cent, rounded: {@code +12 %}; empty if the earlier one is 0. */
    static Optional<String> change(long before, long now) {
        if (before == 0) {
            return Optional.empty();
        }
        BigInteger percent = new BigDecimal(BigInteger.valueOf(now).subtract(BigInteger.valueOf(before)))
                .multiply(BigDecimal.valueOf(100))
                .divide(BigDecimal.valueOf(before), 0, RoundingMode.HALF_UP)
                .toBigInteger();
        String sign = percent.signum() > 0 ? "+" : percent.signum() < 0 ? "\u2212" : "\u00b1";
        return Optional.of(sign + String.format(Locale.ENGLISH, "%,d", percent.abs()) + "\u00a0%");
    }

    /** An age: {@code a moment ago}, {@code 3 minutes ago}. */
    static String ago(Duration age) {
        if (age.toSeconds() < 10) {
            return "a moment ago";
        } else if (age.toMinutes() < 1) {
            return count(age.toSeconds(), "second") + " ago";
        } else if (age.toHours() < 1) {
            return count(age.toMinutes(), "minute") + " ago";
        } else if (age.toDays() < 2) {
            return count(age.toHours(), "hour") + " ago";
        }
        return count(age.toDays(), "day") + " ago";
    }

    /** A period: {@code March 2026}, {@code 17 March 2026}, {@code 15 January 2026 to 14 February 2026}, or its label. */
    static String period(UsagePeriod period) {
        ZoneId zone = period.zone();
        LocalDate first = LocalDate.ofInstant(period.start(), zone);
        LocalDate last = LocalDate.ofInstant(period.end().minusNanos(1), zone);
        if (period.equals(UsagePeriod.month(YearMonth.from(first), zone))) {
            return month(YearMonth.from(first));
        } else if (isMidnight(period.start(), zone) && isMidnight(period.end(), zone)) {
            return first.equals(last) ? day(first) : day(first) + " to " + day(last);
        }
        return period.label();
    }

    private static boolean isMidnight(Instant instant, ZoneId zone) {
        LocalDate day = LocalDate.ofInstant(instant, zone);
        return day.atStartOfDay(zone).toInstant().equals(instant);
    }

    static String month(YearMonth month) {
        return MONTH.format(month);
    }

    static String day(LocalDate day) {
        return DAY.format(day);
    }

    /** A day in a list of days: {@code Tue 17 Mar}. */
    static String dayOfWeek(LocalDate day) {
        return DAY_OF_WEEK.format(day);
    }

    static String time(Instant instant, ZoneId zone) {
        return TIME.format(instant.atZone(zone));
    }

    /** The time of day to the microsecond. */
    static String clock(Instant instant, ZoneId zone) {
        return CLOCK.format(instant.atZone(zone));
    }
}
