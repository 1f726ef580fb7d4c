package io.usagekit.format;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.internal.Json;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The response of a usage endpoint.
 *
 * <pre>{@code
 * {"organisation_id": "org-123", "period": "2026-03",
 *  "received": {"volume": 100, "bytes": 1024}, "sent": {"volume": 50, "bytes": 512},
 *  "created_at": "2026-03-17T01:28:00Z"}
 * }</pre>
 *
 * A figure that isn't known yet has {@code "pending": true} in place of {@code received} and {@code sent}: a zero is printed
 * where it was computed, and nowhere else. {@code created_at} is in UTC to the second, rounded down: when the figure was
 * computed, or, while it is pending, when this was answered.
 *
 * <pre>{@code
 * {"organisation_id": "org-123", "period": "2026-03", "pending": true, "created_at": "2026-03-17T01:28:00Z"}
 * }</pre>
 *
 * A figure that counts rows without their octets, which can't be known any more, has their number as {@code "unmeasured"} after
 * {@code sent} ({@link OrganisationUsage#unmeasured}); {@code bytes} is then less than was used.
 *
 * An error has its code and its message; with a key, it is that of one figure. In an envelope the message is the envelope's, and
 * {@code status} is false.
 *
 * <pre>{@code
 * {"error": "invalid_request", "message": "organisationId must not be blank, but was \" \""}
 * {"organisation_id": "org-123", "period": "2026-03", "error": "overloaded", "message": "Too many usage figures ..."}
 * {"status": false, "message": "Too many usage figures ...", "data": {"error": "overloaded"}}
 * }</pre>
 *
 * Immutable; the {@code with} methods return a changed copy.
 *
 * @since 0.1
 */
public final class UsageResponseFormatter {

    private static final String DEFAULT_MESSAGE = "Organisation usage fetched successfully";
    private static final String DEFAULT_PENDING_MESSAGE = "Organisation usage is being computed; try again soon";
    private static final String GATEWAY_MESSAGE = "Usage retrieved successfully";
    private static final String GATEWAY_PENDING_MESSAGE = "Usage is being calculated";

    private static final String MONTH = "2026-03";

    /** The members that a figure has beyond those of the plain response. */
    private enum Detail {
        ZONE,
        FRESHNESS,
        PERIOD_OVER
    }

    /** The messages of an envelope. */
    private record Messages(String known, String pending) {}

    private final @Nullable Messages messages;
    private final Set<Detail> details;
    /** The zone of the gateway whose form this is; null if it is the library's own. */
    private final @Nullable ZoneId gateway;

    private UsageResponseFormatter(@Nullable Messages messages, Set<Detail> details, @Nullable ZoneId gateway) {
        this.messages = messages;
        this.details = details;
        this.gateway = gateway;
    }

    /** The figure by itself, as above. */
    public static UsageResponseFormatter plain() {
        return new UsageResponseFormatter(null, Set.of(), null);
    }

    /** The figure as {@code data} of {@code {"status": true, "message": "...", "data": {...}}}. */
    public static UsageResponseFormatter enveloped() {
        return new UsageResponseFormatter(new Messages(DEFAULT_MESSAGE, DEFAULT_PENDING_MESSAGE), Set.of(), null);
    }

    /** {@link #gateway(ZoneId)} in UTC. */
    public static UsageResponseFormatter gateway() {
        return gateway(ZoneOffset.UTC);
    }

    /**
     * The response of the webhook gateway whose tables {@code TableMapping.gateway()} maps, for hosts that replace its handler: an
     * envelope with its messages, in which
     *
     * <ul>
     *   <li>{@code period} is a month, for any window: that in which the window begins, in the calendar of the period, or in {@code zone}
     *       for a window between two instants;
     *   <li>{@code created_at} has the offset of {@code zone}, {@code Z} where that is zero;
     *   <li>numbers that are 0 are left out, so that {@code received} and {@code sent} may be {@code {}}, as they are while the figure is
     *       pending; {@code pending} comes last;
     *   <li>there is no {@code unmeasured}.
     * </ul>
     *
     * <pre>{@code
     * {"status": true, "message": "Usage retrieved successfully", "data": {"organisation_id": "org-123", "period": "2026-03",
     *  "received": {"volume": 100, "bytes": 1024}, "sent": {}, "created_at": "2026-03-17T03:28:00+02:00"}}
     * {"status": true, "message": "Usage is being calculated", "data": {"organisation_id": "org-123", "period": "2026-03",
     *  "received": {}, "sent": {}, "created_at": "2026-03-17T03:28:00+02:00", "pending": true}}
     * }</pre>
     *
     * A client tells a pending figure from zeros by {@code pending} alone.
     *
     * @param zone the gateway's zone, which is that of the server it ran on
     */
    public static UsageResponseFormatter gateway(ZoneId zone) {
        Objects.requireNonNull(zone, "zone");
        return new UsageResponseFormatter(new Messages(GATEWAY_MESSAGE, GATEWAY_PENDING_MESSAGE), Set.of(), zone);
    }

    /** In an envelope, with this message for a figure that is known. */
    public UsageResponseFormatter withMessage(String message) {
        Objects.requireNonNull(message, "message");
        return new UsageResponseFormatter(
                new Messages(message, messages == null ? DEFAULT_PENDING_MESSAGE : messages.pending()),
                details,
                gateway);
    }

    /** In an envelope, with this message for a figure that isn't known yet. */
    public UsageResponseFormatter withPendingMessage(String message) {
        Objects.requireNonNull(message, "message");
        return new UsageResponseFormatter(
                new Messages(messages == null ? DEFAULT_MESSAGE : messages.known(), message), details, gateway);
    }

    /**
     * Adds {@code status} ({@code fresh}, {@code stale}, {@code pending}) and, for a figure that is known, {@code as_of} (its
     * {@code created_at} to the microsecond) and {@code age_seconds} (whole seconds, rounded down).
     */
    public UsageResponseFormatter withFreshness() {
        return with(Detail.FRESHNESS);
    }

    /**
     * Adds {@code zone} after {@code period}: the id of {@link io.usagekit.UsagePeriod#zone()}, for example {@code Asia/Kolkata};
     * {@code UTC} for UTC.
     */
    public UsageResponseFormatter withZone() {
        return with(Detail.ZONE);
    }

    /**
     * Adds {@code period_over} before {@code created_at} to a figure that is known: whether the period was over when the figure was
     * computed, as {@link UsageResult#isPeriodOver()} says. A bill is made of figures for which it is {@code true}.
     */
    public UsageResponseFormatter withPeriodOver() {
        return with(Detail.PERIOD_OVER);
    }

    private UsageResponseFormatter with(Detail detail) {
        Set<Detail> all = EnumSet.of(detail);
        all.addAll(details);
        return new UsageResponseFormatter(messages, all, gateway);
    }

    /** The response as an unmodifiable map in the order of its keys; values are strings, longs, booleans and such maps. */
    public Map<String, Object> toMap(UsageResult result) {
        Map<String, Object> data = keyMembers(result.key());
        ZoneId ofGateway = gateway;
        if (ofGateway == null) {
            result.usage().ifPresentOrElse(usage -> putFigure(data, usage), () -> data.put("pending", true));
        } else {
            data.put("received", withoutZeros(result.usage().map(OrganisationUsage::received)));
            data.put("sent", withoutZeros(result.usage().map(OrganisationUsage::sent)));
        }
        if (details.contains(Detail.PERIOD_OVER) && !result.isPending()) {
            data.put("period_over", result.isPeriodOver());
        }
        data.put("created_at", toTheSecond(result.createdAt()));
        if (ofGateway != null && result.isPending()) {
            data.put("pending", true);
        }
        if (details.contains(Detail.FRESHNESS)) {
            putFreshness(data, result);
        }
        Messages envelope = messages;
        return envelope == null
                ? Collections.unmodifiableMap(data)
                : envelope(true, result.isPending() ? envelope.pending() : envelope.known(), data);
    }

    /** The response as one line of JSON text. */
    public String toJson(UsageResult result) {
        return Json.write(toMap(result));
    }

    /** The response of an error that is of no figure, in the manner of {@link #toMap(UsageResult)}. */
    public Map<String, Object> toMap(UsageError error) {
        return errorResponse(new LinkedHashMap<>(), error);
    }

    /** The response of an error as one line of JSON text. */
    public String toJson(UsageError error) {
        return Json.write(toMap(error));
    }

    /** The response of the error of one figure, in the manner of {@link #toMap(UsageResult)}. */
    public Map<String, Object> toMap(UsageKey key, UsageError error) {
        return errorResponse(keyMembers(key), error);
    }

    /** The response of the error of one figure as one line of JSON text. */
    public String toJson(UsageKey key, UsageError error) {
        return Json.write(toMap(key, error));
    }

    private Map<String, Object> errorResponse(Map<String, Object> data, UsageError error) {
        data.put("error", error.code());
        if (messages != null) {
            return envelope(false, error.message(), data);
        }
        data.put("message", error.message());
        return Collections.unmodifiableMap(data);
    }

    private Map<String, Object> keyMembers(UsageKey key) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("organisation_id", key.organisationId());
        ZoneId ofGateway = gateway;
        data.put("period", ofGateway == null ? key.period().label() : month(key.period(), ofGateway));
        if (details.contains(Detail.ZONE)) {
            ZoneId zone = key.period().zone();
            data.put("zone", zone.equals(ZoneOffset.UTC) ? "UTC" : zone.getId());
        }
        return data;
    }

    private static void putFigure(Map<String, Object> data, OrganisationUsage usage) {
        data.put("received", metrics(usage.received()));
        data.put("sent", metrics(usage.sent()));
        if (usage.unmeasured() > 0) {
            data.put("unmeasured", usage.unmeasured());
        }
    }

    private static Map<String, Object> metrics(UsageMetrics metrics) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("volume", metrics.volume());
        map.put("bytes", metrics.bytes());
        return Collections.unmodifiableMap(map);
    }

    private static Map<String, Object> withoutZeros(Optional<UsageMetrics> metrics) {
        Map<String, Object> map = new LinkedHashMap<>();
        metrics.map(UsageResponseFormatter::metrics).ifPresent(map::putAll);
        map.values().removeIf(number -> number.equals(0L));
        return Collections.unmodifiableMap(map);
    }

    /** Returns the month in which a window begins. The labels of all calendars begin with that month; that of two instants has a time. */
    private static String month(UsagePeriod period, ZoneId zone) {
        String label = period.label();
        return label.indexOf('T') < 0
                ? label.substring(0, MONTH.length())
                : YearMonth.from(period.start().atZone(zone)).toString();
    }

    private static void putFreshness(Map<String, Object> data, UsageResult result) {
        data.put("status", result.freshness().name().toLowerCase(Locale.ROOT));
        result.age().map(Duration::toSeconds).ifPresent(age -> {
            data.put("as_of", result.createdAt().toString());
            data.put("age_seconds", age);
        });
    }

    private static Map<String, Object> envelope(boolean status, String message, Map<String, Object> data) {
        Map<String, Object> envelope = new LinkedHashMap<>();
        envelope.put("status", status);
        envelope.put("message", message);
        envelope.put("data", Collections.unmodifiableMap(data));
        return Collections.unmodifiableMap(envelope);
    }

    private String toTheSecond(Instant instant) {
        Instant second = instant.truncatedTo(ChronoUnit.SECONDS);
        ZoneId ofGateway = gateway;
        return ofGateway == null
                ? second.toString()
                : DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(second.atZone(ofGateway));
    }
}
