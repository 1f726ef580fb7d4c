package io.usagekit.verification.soak;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Compares the answers that callers received with what the database held: each figure is one that it held within the limit that goes with
 * its freshness, and after the last invalidation that was acknowledged; no call takes longer than its bounds; errors are typed.
 * Thread-safe.
 */
final class Checker {

    /** Ages are reported in milliseconds, rounded up. */
    private static final long ROUNDING = Duration.ofMillis(50).toNanos();

    /** How long after an acknowledged invalidation somebody may still join a flight that began before it. */
    private static final long JOINING =
            SoakLimits.NEAR_BOUND.plus(SoakLimits.LEASE).plusMillis(500).toNanos();

    private static final int MOST_VIOLATIONS = 20;

    /** A stretch of time, in nanoseconds. */
    record Span(long from, long to) {}

    private final History history;
    private final Map<Integer, List<Span>> invalidations = new ConcurrentHashMap<>();
    private final Map<Integer, List<Span>> pauses = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> told = new ConcurrentHashMap<>();
    private final Queue<String> violations = new ConcurrentLinkedQueue<>();
    private final AtomicLong longest = new AtomicLong();

    Checker(History history) {
        this.history = history;
    }

    /** This member's process stands still until the returned action is run. */
    Runnable pause(int member) {
        long from = System.nanoTime();
        Span open = new Span(from, Long.MAX_VALUE);
        List<Span> all = pauses.computeIfAbsent(member, m -> new ArrayList<>());
        synchronized (all) {
            all.add(open);
        }
        return () -> {
            synchronized (all) {
                all.remove(open);
                all.add(new Span(from, System.nanoTime()));
            }
        };
    }

    /** One line of a member's. */
    void check(int member, String line) {
        String[] words = line.split(" ", -1);
        int organisation = Integer.parseInt(words[1]);
        Span call = new Span(Long.parseLong(words[2]), Long.parseLong(words[3]));
        count(words[0] + " " + words[4]);
        checkDuration(member, call, line);
        if (words[4].equals("WRONG")) {
            violation("neither an answer nor a typed error", member, line);
        } else if (words[0].equals("invalidate")) {
            if (words[4].equals("DONE")) {
                List<Span> all = invalidations.computeIfAbsent(organisation, o -> new ArrayList<>());
                synchronized (all) {
                    all.add(call);
                }
            }
        } else {
            checkFigure(member, organisation, call, words, line);
        }
    }

    private void checkFigure(int member, int organisation, Span call, String[] words, String line) {
        switch (words[4]) {
            case "FRESH" -> {
                long from = Math.max(
                        call.from() - SoakLimits.OLDEST_FRESH.toNanos() - ROUNDING,
                        lastInvalidationBefore(organisation, call.from() - JOINING));
                checkHeld(member, organisation, call, from, words[5], line);
            }
            case "STALE" ->
                checkHeld(
                        member, organisation, call, call.from() - SoakLimits.HARD.toNanos() - ROUNDING, words[5], line);
            case "STALE_ON_ERROR" ->
                checkHeld(
                        member,
                        organisation,
                        call,
                        call.from() - SoakLimits.HARD.plus(SoakLimits.GRACE).toNanos() - ROUNDING,
                        words[5],
                        line);
            default -> {
                // Pending, or a typed error.
            }
        }
    }

    private void checkHeld(int member, int organisation, Span call, long from, String figure, String line) {
        String[] parts = figure.split("/", -1);
        long count = Long.parseLong(parts[0]);
        if (Long.parseLong(parts[1]) != count * SoakLimits.OCTETS) {
            violation("volume and bytes disagree", member, line);
        } else if (!history.canHaveHeld(organisation, count, from, call.to())) {
            violation(
                    "a figure that the database didn't hold in the " + (call.to() - from) / 1_000_000
                            + " ms before (it holds " + history.count(organisation) + " by now)",
                    member,
                    line);
        }
    }

    private long lastInvalidationBefore(int organisation, long moment) {
        List<Span> all = invalidations.getOrDefault(organisation, List.of());
        synchronized (all) {
            return all.stream()
                    .filter(span -> span.to() <= moment)
                    .mapToLong(Span::from)
                    .max()
                    .orElse(Long.MIN_VALUE);
        }
    }

    private void checkDuration(int member, Span call, String line) {
        long took = call.to() - call.from();
        if (stoodStill(member, call)) {
            return;
        }
        longest.accumulateAndGet(took, Math::max);
        if (took > SoakLimits.LONGEST_CALL.toNanos()) {
            violation("a call of " + took / 1_000_000 + " ms", member, line);
        }
    }

    private boolean stoodStill(int member, Span call) {
        List<Span> all = pauses.getOrDefault(member, List.of());
        synchronized (all) {
            return all.stream().anyMatch(pause -> pause.from() <= call.to() && pause.to() >= call.from());
        }
    }

    private void count(String what) {
        told.computeIfAbsent(what, w -> new AtomicLong()).incrementAndGet();
    }

    long told(String what) {
        return told.getOrDefault(what, new AtomicLong()).get();
    }

    private void violation(String what, int member, String line) {
        if (violations.size() < MOST_VIOLATIONS) {
            violations.add(what + ": member " + member + ": " + line);
        }
    }

    List<String> violations() {
        return List.copyOf(violations);
    }

    @Override
    public String toString() {
        return new TreeMap<>(told) + ", the longest call " + longest.get() / 1_000_000 + " ms";
    }
}
