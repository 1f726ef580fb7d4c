package io.usagekit.page;

import io.usagekit.UsageException;
import io.usagekit.UsageResult;
import io.usagekit.format.UsageError;
import java.time.Duration;
import java.time.ZoneId;
import java.util.Locale;

/**
 * How current the figures of a page are.
 *
 * @param kind of state
 * @param words a sentence that says so
 * @param computedAt when the figures were computed, in words; blank if there are none
 * @param instant the same, in ISO 8601
 * @param pollMillis when the page asks again; 0: never
 */
public record FigureState(Kind kind, String words, String computedAt, String instant, long pollMillis) {

    /** Kinds of state. */
    public enum Kind {
        FRESH,
        REFRESHING,
        STALE,
        PENDING,
        FAILED;

        /** The name of the kind in the page. */
        public String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final Duration SOON = Duration.ofSeconds(1);
    private static final Duration LATER = Duration.ofSeconds(15);

    static FigureState of(UsageResult result, ZoneId zone) {
        if (result.isPending()) {
            return new FigureState(
                    Kind.PENDING,
                    "The figures are being computed. They appear here as soon as they are known.",
                    "",
                    "",
                    SOON.toMillis());
        }
        String ago = "Computed " + Words.ago(result.age().orElse(Duration.ZERO));
        String at = Words.time(result.createdAt(), zone);
        String instant = result.createdAt().toString();
        return switch (result.freshness()) {
            case STALE ->
                new FigureState(
                        Kind.REFRESHING, ago + "; a newer figure is being computed.", at, instant, SOON.toMillis());
            case STALE_ON_ERROR ->
                new FigureState(
                        Kind.STALE,
                        ago + ". Newer figures can't be computed at present; these were right at that time.",
                        at,
                        instant,
                        LATER.toMillis());
            default -> new FigureState(Kind.FRESH, ago + ".", at, instant, 0);
        };
    }

    static FigureState failed(UsageException error) {
        return new FigureState(
                Kind.FAILED, UsageError.of(error).message() + ".", "", "", error.isTransient() ? LATER.toMillis() : 0);
    }

    /** Changes whenever the page looks different. */
    public String version() {
        return kind.id() + " " + instant;
    }
}
