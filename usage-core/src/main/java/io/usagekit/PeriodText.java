package io.usagekit;

import io.usagekit.internal.Arguments;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.ResolverStyle;
import java.time.temporal.ChronoField;
import java.util.Locale;
import java.util.regex.Pattern;

/** Text forms of periods: what {@link UsagePeriod#parse} reads and {@link UsagePeriod#canonicalLabel} writes. */
final class PeriodText {

    /** ISO 8601, basic format, with as many decimals as it takes: no character that a cache key would have to escape. */
    private static final DateTimeFormatter BASIC = new DateTimeFormatterBuilder()
            .appendPattern("uuuuMMdd'T'HHmmss")
            .appendFraction(ChronoField.NANO_OF_SECOND, 0, 6, true)
            .appendLiteral('Z')
            .toFormatter(Locale.ROOT)
            .withResolverStyle(ResolverStyle.STRICT);

    /** Exactly what {@link #BASIC} can write; by itself it also reads a decimal point without decimals. */
    private static final Pattern BASIC_FORM = Pattern.compile("[0-9]{8}T[0-9]{6}(?:\\.[0-9]{1,6})?Z");

    private static final int SECONDS_PER_DAY = 86_400;

    private PeriodText() {}

    static UsagePeriod parse(String text, ZoneId zone) {
        try {
            int slash = text.indexOf('/');
            if (slash >= 0) {
                return interval(text.substring(0, slash), text.substring(slash + 1), zone);
            }
            return text.length() <= "2026-03".length()
                    ? UsagePeriod.month(YearMonth.parse(text), zone)
                    : UsagePeriod.day(LocalDate.parse(text), zone);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "period must be a month (2026-03), a day (2026-03-17) or start/end of two dates or instants, but was "
                            + Arguments.quote(text) + ": "
                            + reason(e),
                    e);
        }
    }

    private static UsagePeriod interval(String start, String end, ZoneId zone) {
        if (BASIC_FORM.matcher(start).matches() && BASIC_FORM.matcher(end).matches()) {
            return UsagePeriod.canonical(basic(start), basic(end));
        }
        return start.indexOf('T') >= 0
                ? UsagePeriod.between(instant(start), instant(end))
                : UsagePeriod.dates(LocalDate.parse(start), LocalDate.parse(end), zone);
    }

    private static Instant instant(String text) {
        return BASIC_FORM.matcher(text).matches()
                ? basic(text)
                : OffsetDateTime.parse(text).toInstant();
    }

    private static Instant basic(String text) {
        return LocalDateTime.parse(text, BASIC).toInstant(ZoneOffset.UTC);
    }

    /** What the innermost cause says, which is about the one field that is wrong; it may quote the text as it came. */
    private static String reason(Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return String.valueOf(cause.getMessage()).replaceAll("\\p{Cc}", "?");
    }

    /** Writes the name of a window: see {@link UsagePeriod#canonicalLabel()}. */
    static String canonicalLabel(Instant start, Instant end) {
        if (isMidnight(start) && isMidnight(end)) {
            LocalDate from = date(start);
            LocalDate to = date(end);
            if (to.equals(from.plusDays(1))) {
                return from.toString();
            }
            if (from.getDayOfMonth() == 1 && to.equals(from.plusMonths(1))) {
                return YearMonth.of(from.getYear(), from.getMonthValue()).toString();
            }
        }
        return BASIC.format(LocalDateTime.ofInstant(start, ZoneOffset.UTC)) + "/"
                + BASIC.format(LocalDateTime.ofInstant(end, ZoneOffset.UTC));
    }

    private static boolean isMidnight(Instant instant) {
        return instant.getNano() == 0 && instant.getEpochSecond() % SECONDS_PER_DAY == 0;
    }

    /** Written out: {@link LocalDateTime#ofInstant} makes six objects, and each hit in Redis needs the name. */
    private static LocalDate date(Instant midnight) {
        return LocalDate.ofEpochDay(midnight.getEpochSecond() / SECONDS_PER_DAY);
    }
}
