package io.usagekit.page;

import io.usagekit.UsageMetrics;

/** A number of things and their size in octets, or a difference of two such: of either sign. */
public record Metric(long volume, long bytes) {

    static Metric of(UsageMetrics metrics) {
        return new Metric(metrics.volume(), metrics.bytes());
    }

    static Metric difference(UsageMetrics total, UsageMetrics rows) {
        return new Metric(
                Math.subtractExact(total.volume(), rows.volume()), Math.subtractExact(total.bytes(), rows.bytes()));
    }

    boolean isZero() {
        return volume == 0 && bytes == 0;
    }

    /** The number: {@code 12,345}. */
    public String count() {
        return Words.count(volume);
    }

    /** The size in the unit that fits: {@code 1.2 GB}. */
    public String size() {
        return Words.size(bytes);
    }

    /** The size to the last octet: {@code 1,234,567,890}. */
    public String exactSize() {
        return Words.count(bytes);
    }
}
