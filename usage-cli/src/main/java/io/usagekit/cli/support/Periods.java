package io.usagekit.cli.support;

import io.usagekit.UsagePeriod;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.temporal.TemporalAccessor;
import org.jspecify.annotations.Nullable;

/** The period that a caller asks for: by name, or from and to, in a zone. */
public final class Periods {

    private static final DateTimeFormatter DATE_TIME = DateTimeFormatter.ISO_DATE_TIME;

    private Periods() {}

    /**
     * A period out of what a command line or a query says.
     *
     * @param period as in {@link UsagePeriod#parse(String, ZoneId)}; or null, and then there are {@code from} and {@code to}
     * @param from the first instant, with offset; or a date or date-time of the zone
     * @param to the first instant after it, likewise
     * @param zone UTC if null
     * @throws IllegalArgumentException if it is none or too much, or not a period
     */
    public static UsagePeriod of(
            @Nullable String period, @Nullable String from, @Nullable String to, @Nullable String zone) {
        ZoneId calendar = zone(zone);
        if (period != null) {
            if (from != null || to != null) {
                throw new IllegalArgumentException("either period, or from and to, must be given, but not both");
            }
            return UsagePeriod.parse(period, calendar);
        }
        if (from == null || to == null) {
            throw new IllegalArgumentException(
                    from == null && to == null
                            ? "either period, or from and to, must be given"
                            : (from == null ? "from" : "to") + " is missing: from and to go together");
        }
        return UsagePeriod.between(instant("from", from, calendar), instant("to", to, calendar));
    }

    private static ZoneId zone(@Nullable String zone) {
        try {
            return zone == null ? ZoneOffset.UTC : ZoneId.of(zone);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    "zone must be one of the tz database or an offset (Asia/Kolkata, +05:30), but was '" + zone + "'",
                    e);
        }
    }

    private static Instant instant(String name, String text, ZoneId zone) {
        try {
            if (text.indexOf('T') < 0) {
                return LocalDate.parse(text).atStartOfDay(zone).toInstant();
            }
            TemporalAccessor time = DATE_TIME.parseBest(text, ZonedDateTime::from, LocalDateTime::from);
            return time instanceof LocalDateTime local ? local.atZone(zone).toInstant() : Instant.from(time);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    name + " must be an instant (2026-03-01T00:00:00Z), or a date or date-time of the zone, but was '"
                            + text + "': " + e.getMessage(),
                    e);
        }
    }
}
