package io.usagekit.redis;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text format of an entry, version 1: {@code v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000}, with
 * {@code unmeasured=3} before {@code computed} where that isn't 0. Versions that don't know it take such an entry for unreadable, and
 * compute the figure again.
 *
 * <p>{@code life} is the time in milliseconds from the computation to the expiry. Redis knows the remaining time to live
 * (PTTL), and the difference is the age: no reader has to trust a writer's clock. A figure has exactly one text: no leading zeros,
 * the instant as {@link Instant#toString()} writes it, in UTC and whole microseconds.
 */
final class FigureCodec {

    private static final Pattern VERSION_1 =
            Pattern.compile("v1 received=N/N sent=N/N(?: unmeasured=([1-9][0-9]{0,18}))? computed=(\\S{20,40}) life=N"
                    .replace("N", "(0|[1-9][0-9]{0,18})"));

    private FigureCodec() {}

    /**
     * Encodes a figure that is to live this long from now on.
     *
     * @throws ArithmeticException if that is more milliseconds than a long can hold
     */
    static String write(AgedUsage figure, Duration timeToLive) {
        OrganisationUsage usage = figure.usage();
        // Rounded up: up to a millisecond too old rather than too young.
        long life = Math.addExact(figure.age().plusNanos(999_999).toMillis(), timeToLive.toMillis());
        return "v1 received=" + usage.received().volume() + "/"
                + usage.received().bytes() + " sent=" + usage.sent().volume() + "/"
                + usage.sent().bytes() + (usage.unmeasured() == 0 ? "" : " unmeasured=" + usage.unmeasured())
                + " computed=" + usage.createdAt() + " life=" + life;
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
     * @param remainingMillis the entry's remaining time to live, in milliseconds
     * @return empty if the text isn't exactly what {@link #write} returns (e.g. of another version), or the entry has no expiry
     */
    static Optional<AgedUsage> read(UsageKey key, String text, long remainingMillis) {
        Matcher matcher = VERSION_1.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            long age = Long.parseLong(matcher.group(7)) - remainingMillis;
            if (remainingMillis < 0 || age < 0) {
                return Optional.empty();
            }
            String computed = matcher.group(6);
            String unmeasured = matcher.group(5);
            OrganisationUsage usage = new OrganisationUsage(
                    key,
                    metrics(matcher, 1),
                    metrics(matcher, 3),
                    Instant.parse(computed),
                    unmeasured == null ? 0 : Long.parseLong(unmeasured));
            if (!usage.createdAt().toString().equals(computed)) {
                return Optional.empty();
            }
            return Optional.of(new AgedUsage(usage, Duration.ofMillis(age)));
        } catch (NumberFormatException | DateTimeException e) {
            return Optional.empty();
        }
    }

    private static UsageMetrics metrics(Matcher matcher, int group) {
        return new UsageMetrics(Long.parseLong(matcher.group(group)), Long.parseLong(matcher.group(group + 1)));
    }
}
