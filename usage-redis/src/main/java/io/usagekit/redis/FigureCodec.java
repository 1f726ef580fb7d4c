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
 * The text of an entry, version 1: {@code v1 received=100/1024 sent=50/512 computed=2026-03-17T01:28:00Z life=600000}.
 *
 * <p>{@code life} is the time in milliseconds from the computation to the expiry. What is left of it is Redis's to say (PTTL),
 * and the difference is the age: no reader has to trust a writer's clock. A figure has exactly one text: no leading zeros, the
 * instant as {@link Instant#toString()} writes it, in UTC and whole microseconds.
 */
final class FigureCodec {

    private static final Pattern VERSION_1 = Pattern.compile(
            "v1 received=N/N sent=N/N computed=(\\S{20,40}) life=N".replace("N", "(0|[1-9][0-9]{0,18})"));

    private FigureCodec() {}

    /**
     * What to store for a figure that has this long to live from now on.
     *
     * @throws ArithmeticException if that is more milliseconds than a long can hold
     */
    static String write(AgedUsage figure, Duration timeToLive) {
        OrganisationUsage usage = figure.usage();
        // Up to a millisecond too old rather than too young.
        long life = Math.addExact(figure.age().plusNanos(999_999).toMillis(), timeToLive.toMillis());
        return "v1 received=" + usage.received().volume() + "/"
                + usage.received().bytes() + " sent=" + usage.sent().volume() + "/"
                + usage.sent().bytes() + " computed=" + usage.createdAt() + " life=" + life;
    }

    /** Why it can't be stored, where {@link #write} throws. */
    static UsageCacheException tooLong(AgedUsage figure, Duration timeToLive, ArithmeticException cause) {
        return new UsageCacheException(
                "Redis can't keep a figure of age " + figure.age() + " for " + timeToLive + ": too long", cause);
    }

    /**
     * What was stored.
     *
     * @param left milliseconds to live
     * @return empty if the text isn't exactly what {@link #write} gives (of another version, say), or has no limit to its life
     */
    static Optional<AgedUsage> read(UsageKey key, String text, long left) {
        Matcher matcher = VERSION_1.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        try {
            long age = Long.parseLong(matcher.group(6)) - left;
            if (left < 0 || age < 0) {
                return Optional.empty();
            }
            String computed = matcher.group(5);
            OrganisationUsage usage =
                    new OrganisationUsage(key, metrics(matcher, 1), metrics(matcher, 3), Instant.parse(computed));
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
