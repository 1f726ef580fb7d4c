package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * Text format of an entry, version 2: {@code v2 usage:org-123:2026-03 100/1024 50/512 2026-03-17T01:28:00Z 600000}, which are the key, volume and
 * octets received and sent, the time of the computation and the life, with {@code unmeasured=3} before the time where that isn't 0. Versions that don't
 * know it take such an entry for unreadable, and compute the figure again.
 *
 * <p>A value names its key, so that one that was renamed, or copied from another key or prefix, isn't read as a figure of the key that
 * it is found at. Version 1, {@code v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000}, didn't; its values are read, not written.
 *
 * <p>The life is the time in milliseconds from the computation to the expiry. Redis knows the remaining time to live
 * (PTTL), and the difference is the age: no reader has to trust a writer's clock. A figure has exactly one text: no leading zeros,
 * the instant as {@link Instant#toString()} writes it, in UTC and whole microseconds.
 */
final class FigureCodec {

    private static final String NAMED = "v2 ";

    private FigureCodec() {}

    /**
     * Encodes a figure that is to live this long from now on.
     *
     * @param entry the key in Redis
     * @throws ArithmeticException if that is more milliseconds than a long can hold
     */
    static String write(String entry, AgedUsage figure, Duration timeToLive) {
        OrganisationUsage usage = figure.usage();
        // Rounded up: up to a millisecond too old rather than too young.
        long life = Math.addExact(figure.age().plusNanos(999_999).toMillis(), timeToLive.toMillis());
        return NAMED + entry + " " + usage.received().volume() + "/"
                + usage.received().bytes() + " "
                + usage.sent().volume() + "/" + usage.sent().bytes()
                + (usage.unmeasured() == 0 ? "" : " unmeasured=" + usage.unmeasured())
                + " " + usage.createdAt() + " " + life;
    }

    /** Returns the exception of a figure that {@link #write} can't encode. */
    static UsageCacheException tooLong(AgedUsage figure, Duration timeToLive, ArithmeticException cause) {
        return new UsageCacheException(
                "figure of " + figure.usage().key() + " not stored in Redis: its age (" + figure.age()
                        + ") plus timeToLive (" + timeToLive + ") must be at most " + Long.MAX_VALUE
                        + " ms; use a shorter ttl",
                cause);
    }

    /**
     * Decodes a figure.
     *
     * @param entry the key in Redis that the text was found at
     * @param remainingMillis the entry's remaining time to live, in milliseconds
     * @return empty if the text isn't exactly what {@link #write} returns (e.g. of another version or another entry), or the entry has no expiry
     */
    static Optional<AgedUsage> read(UsageKey key, String entry, String text, long remainingMillis) {
        return read(key, entry, text.getBytes(StandardCharsets.UTF_8), remainingMillis);
    }

    /** Decodes a figure as {@link #read(UsageKey, String, String, long)} does, from the text in UTF-8. */
    static Optional<AgedUsage> read(UsageKey key, String entry, byte[] text, long remainingMillis) {
        FigureScanner scanner = new FigureScanner(text);
        boolean isNamed = scanner.skips(NAMED);
        scanner.literal(isNamed ? entry : "v1");
        scanner.literal(isNamed ? " " : " received=");
        UsageMetrics received = metrics(scanner);
        scanner.literal(isNamed ? " " : " sent=");
        UsageMetrics sent = metrics(scanner);
        long unmeasured = scanner.skips(" unmeasured=") ? scanner.positive() : 0;
        scanner.literal(isNamed ? " " : " computed=");
        Instant computed = scanner.instant();
        scanner.literal(isNamed ? " " : " life=");
        long age = scanner.number() - remainingMillis;
        if (!scanner.isAtEnd() || computed == null || remainingMillis < 0 || age < 0) {
            return Optional.empty();
        }
        OrganisationUsage usage = new OrganisationUsage(key, received, sent, computed, unmeasured);
        return usage.createdAt().equals(computed)
                ? Optional.of(new AgedUsage(usage, Duration.ofMillis(age)))
                : Optional.empty();
    }

    private static UsageMetrics metrics(FigureScanner scanner) {
        long volume = scanner.number();
        scanner.literal("/");
        return new UsageMetrics(volume, scanner.number());
    }
}
