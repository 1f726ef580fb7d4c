package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Answer of a script of {@link RedisFlightStore}; with the figure, if the script returned one that can be decoded. */
record FlightAnswer(List<Object> parts, Optional<AgedUsage> figure) {

    static FlightAnswer of(UsageKey key, String entry, List<Object> parts) {
        return new FlightAnswer(
                parts,
                hasFigure(parts)
                        ? FigureCodec.read(key, entry, (String) parts.get(1), (Long) parts.get(2))
                        : Optional.empty());
    }

    private static boolean hasFigure(List<Object> parts) {
        return parts.get(0).equals("found") || parts.get(0).equals("superseded");
    }

    boolean isUnreadable() {
        return hasFigure(parts) && figure.isEmpty();
    }

    String kind() {
        return text(0);
    }

    String text(int part) {
        return (String) parts.get(part);
    }

    long number(int part) {
        return (Long) parts.get(part);
    }

    Duration millis(int part) {
        return Duration.ofMillis(number(part));
    }

    AgedUsage readable() {
        return figure.orElseThrow(() -> new UsageCacheException(
                "the entry in Redis is unreadable and was replaced by another unreadable one: " + text(1), null));
    }
}
