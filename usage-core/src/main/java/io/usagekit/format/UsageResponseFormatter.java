package io.usagekit.format;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.internal.Json;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
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
 * computed, or, while it is pending, when this was answered. Immutable; the {@code with} methods return a changed copy.
 *
 * @since 0.1
 */
public final class UsageResponseFormatter {

    private static final String DEFAULT_MESSAGE = "Organisation usage fetched successfully";

    private enum Detail {
        FIGURE,
        FIGURE_AND_FRESHNESS
    }

    private final @Nullable String message;
    private final Detail detail;

    private UsageResponseFormatter(@Nullable String message, Detail detail) {
        this.message = message;
        this.detail = detail;
    }

    /** The figure by itself, as above. */
    public static UsageResponseFormatter plain() {
        return new UsageResponseFormatter(null, Detail.FIGURE);
    }

    /** The figure as {@code data} of {@code {"status": true, "message": "...", "data": {...}}}. */
    public static UsageResponseFormatter enveloped() {
        return new UsageResponseFormatter(DEFAULT_MESSAGE, Detail.FIGURE);
    }

    /** In an envelope with this message. */
    public UsageResponseFormatter withMessage(String message) {
        return new UsageResponseFormatter(Objects.requireNonNull(message, "message"), detail);
    }

    /**
     * Adds {@code status} ({@code fresh}, {@code stale}, {@code pending}) and, for a figure that is known, {@code as_of} (its
     * {@code created_at} to the microsecond) and {@code age_seconds} (whole seconds, rounded down).
     */
    public UsageResponseFormatter withFreshness() {
        return new UsageResponseFormatter(message, Detail.FIGURE_AND_FRESHNESS);
    }

    /** The response as an unmodifiable map in the order of its keys; values are strings, longs, booleans and such maps. */
    public Map<String, Object> toMap(UsageResult result) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put("organisation_id", result.key().organisationId());
        data.put("period", result.key().period().label());
        result.usage().ifPresentOrElse(usage -> putFigure(data, usage), () -> data.put("pending", true));
        data.put("created_at", toTheSecond(result.createdAt()));
        if (detail == Detail.FIGURE_AND_FRESHNESS) {
            putFreshness(data, result);
        }
        return Collections.unmodifiableMap(message == null ? data : envelope(message, data));
    }

    /** The response as one line of JSON text. */
    public String toJson(UsageResult result) {
        return Json.write(toMap(result));
    }

    private static void putFigure(Map<String, Object> data, OrganisationUsage usage) {
        data.put("received", metrics(usage.received()));
        data.put("sent", metrics(usage.sent()));
    }

    private static Map<String, Object> metrics(UsageMetrics metrics) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("volume", metrics.volume());
        map.put("bytes", metrics.bytes());
        return Collections.unmodifiableMap(map);
    }

    private static void putFreshness(Map<String, Object> data, UsageResult result) {
        data.put("status", result.freshness().name().toLowerCase(Locale.ROOT));
        result.age().map(Duration::toSeconds).ifPresent(age -> {
            data.put("as_of", result.createdAt().toString());
            data.put("age_seconds", age);
        });
    }

    private static Map<String, Object> envelope(String message, Map<String, Object> data) {
        Map<String, Object> envelope = new LinkedHashMap<>();
        envelope.put("status", true);
        envelope.put("message", message);
        envelope.put("data", Collections.unmodifiableMap(data));
        return envelope;
    }

    private static String toTheSecond(Instant instant) {
        return instant.truncatedTo(ChronoUnit.SECONDS).toString();
    }
}
