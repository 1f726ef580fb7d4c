package io.usagekit.reports;

import io.usagekit.UsageMetrics;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Usage in one hour, day or month of a series.
 *
 * @param start first instant of the hour, day or month, or the start of the window if that is later
 * @param end first instant after it, or the end of the window if that is earlier
 * @param received as in {@link io.usagekit.OrganisationUsage}
 * @param sent as in {@link io.usagekit.OrganisationUsage}
 * @param unmeasured as in {@link io.usagekit.OrganisationUsage}
 * @since 0.1
 */
public record UsageSeriesPoint(Instant start, Instant end, UsageMetrics received, UsageMetrics sent, long unmeasured) {

    /** Usage of which all octets are known. */
    public UsageSeriesPoint(Instant start, Instant end, UsageMetrics received, UsageMetrics sent) {
        this(start, end, received, sent, 0);
    }

    /**
     * Returns the point as a response has it, for a JSON library to print: {@code start} and {@code end} in ISO 8601, {@code received} and
     * {@code sent} with {@code volume} and {@code bytes}, and {@code unmeasured} if it isn't zero; in this order.
     */
    public Map<String, Object> toMap() {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("start", start.toString());
        form.put("end", end.toString());
        form.put("received", form(received));
        form.put("sent", form(sent));
        if (unmeasured > 0) {
            form.put("unmeasured", unmeasured);
        }
        return form;
    }

    private static Map<String, Object> form(UsageMetrics metrics) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("volume", metrics.volume());
        form.put("bytes", metrics.bytes());
        return form;
    }
}
