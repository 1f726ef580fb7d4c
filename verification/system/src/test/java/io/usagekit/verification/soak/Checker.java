package io.usagekit.verification.soak;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;

/**
 * Compares the answers that callers received with what the database held: each figure is one that it held within the limit that goes with
 * its freshness, and after the last invalidation that was acknowledged: in the process that has invalidated at once; no call takes longer
 * than its bounds; errors are typed.
 * Thread-safe.
 */
final class Checker {

    /** Ages are reported in milliseconds, rounded up. */
    private static final long ROUNDING = Duration.ofMillis(50).toNanos();

    /** How long after an acknowledged invalidation somebody in another process may still join a flight that began before it. */
    private static final long JOINING =
            SoakLimits.NEAR_BOUND.plus(SoakLimits.LEASE).plusMillis(500).toNanos();

    /** How long a load may store its figure by plain commands after scripts were refused: it is computed, and scripts are tried once a second. */
    private static final long PLAIN_LOADS =
            SoakLimits.COMPUTATION_TIMEOUT.plusSeconds(2).toNanos();

    private static final int MOST_VIOLATIONS = 20;

    /** A stretch of time, in nanoseconds. */
    record Span(long from, long to) {

        boolean overlaps(Span other) {
            return from <= other.to && to >= other.from;
        }
    }

    private record Invalidation(int member, Span span) {}

    private final History history;
    /** By organisation. */
    private final Map<Integer, List<Invalidation>> invalidations = new ConcurrentHashMap<>();

    private final List<Span> uncoordinated = new CopyOnWriteArrayList<>();
    private final Map<Integer, List<Span>> pauses = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> told = new ConcurrentHashMap<>();
    private final Queue<String> violations = new ConcurrentLinkedQueue<>();
    private final AtomicLong longest = new AtomicLong();
    private volatile String now = "before any fault";

    Checker(History history) {
        this.history = history;
    }

    /** Takes note of what goes wrong now, for the report. */
    void during(String what) {
        now = what;
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

    /** Scripts are refused until the returned action is run: loads in flight store their figures after an invalidation. */
    Runnable uncoordinated() {
        return losing(Duration.ZERO);
    }

    /**
     * A failover loses invalidations from this long ago on until the returned action is run, as a replica hasn't received them yet; and loads in
     * flight may store their figures.
     */
    Runnable losing(Duration lag) {
        long from = System.nanoTime() - lag.toNanos();
        Span open = new Span(from, Long.MAX_VALUE);
        uncoordinated.add(open);
        return () -> {
            uncoordinated.add(new Span(from, System.nanoTime() + PLAIN_LOADS));
            uncoordinated.remove(open);
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
                List<Invalidation> all = invalidations.computeIfAbsent(organisation, o -> new ArrayList<>());
                synchronized (all) {
                    all.add(new Invalidation(member, call));
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
                        lastInvalidation(
                                organisation,
                                one -> one.span().to() <= call.from() - (one.member() == member ? 0 : JOINING)));
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

    /** Returns the beginning of the last one of these that binds all loads. */
    private long lastInvalidation(int organisation, Predicate<Invalidation> which) {
        List<Invalidation> all = invalidations.getOrDefault(organisation, List.of());
        synchronized (all) {
            return all.stream()
                    .filter(which)
                    .map(Invalidation::span)
                    .filter(span -> uncoordinated.stream().noneMatch(span::overlaps))
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
            return all.stream().anyMatch(call::overlaps);
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
            violations.add(what + ": member " + member + ": " + line + ", " + now);
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
