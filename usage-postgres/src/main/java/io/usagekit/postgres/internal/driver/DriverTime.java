package io.usagekit.postgres.internal.driver;

import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.SignStyle;
import java.time.temporal.ChronoField;
import java.util.Locale;
import java.util.Map;

/**
 * Times as PostgreSQL and its driver take them, so that each that has been read can be bound: those before the year 1 and after 9999, and
 * infinity, which the driver reads as {@link OffsetDateTime#MAX}, and minus infinity.
 */
public final class DriverTime {

    private static final Instant LAST =
            OffsetDateTime.MAX.withOffsetSameLocal(ZoneOffset.UTC).toInstant();
    private static final Instant FIRST =
            OffsetDateTime.MIN.withOffsetSameLocal(ZoneOffset.UTC).toInstant();

    /** As PostgreSQL reads it: years without a sign, of at least four digits. */
    private static final DateTimeFormatter TEXT = new DateTimeFormatterBuilder()
            .appendValue(ChronoField.YEAR_OF_ERA, 4, 10, SignStyle.NOT_NEGATIVE)
            .appendPattern("-MM-dd HH:mm:ss")
            .appendFraction(ChronoField.NANO_OF_SECOND, 0, 9, true)
            .appendLiteral("+00")
            .appendText(ChronoField.ERA, Map.of(0L, " BC", 1L, ""))
            .toFormatter(Locale.ROOT);

    private DriverTime() {}

    /** As a parameter. */
    public static OffsetDateTime of(Instant at) {
        if (!at.isBefore(LAST)) {
            return OffsetDateTime.MAX;
        }
        return at.isAfter(FIRST) ? at.atOffset(ZoneOffset.UTC) : OffsetDateTime.MIN;
    }

    /** As a text, e.g. as an element of an array. */
    public static String text(Instant at) {
        OffsetDateTime time = of(at);
        if (time.equals(OffsetDateTime.MAX)) {
            return "infinity";
        }
        return time.equals(OffsetDateTime.MIN) ? "-infinity" : TEXT.format(time);
    }
}
