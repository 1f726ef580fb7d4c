package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.UsageKey;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.Timers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Loads of one call for several figures. Each is a load of its own for the single-flight, which may make it a leader, a follower of
 * another call or of another process; the leaders among them look into the cache together and compute together.
 *
 * <p>A load takes part until it is known to need neither: it joins another load, waits for another process, or ends. Looking and
 * computing begin when all that take part are ready, or after {@value #LONGEST_WAIT_MILLIS} ms. Those that come later, since their
 * lease took longer, look by themselves, and compute together with others that come within {@value #LATE_WAIT_MILLIS} ms.
 */
final class LoadBatch {

    private static final int LONGEST_WAIT_MILLIS = 100;
    private static final int LATE_WAIT_MILLIS = 20;
    private static final Duration LATE_WAIT = Duration.ofMillis(LATE_WAIT_MILLIS);
    private static final Duration LONGEST_WAIT = Duration.ofMillis(LONGEST_WAIT_MILLIS);

    private record Look(UsageKey key, CompletableFuture<Lookup> outcome) {}

    private final Computations computations;
    private final Gathering<Look> looks = new Gathering<>(this::look);
    private final Gathering<Computation> starts = new Gathering<>(this::start);
    /** Computations that came after {@link #starts} was over, and wait for each other. */
    private final List<Computation> late = new ArrayList<>();

    private final ReentrantLock lateLock = new ReentrantLock();

    LoadBatch(Computations computations) {
        this.computations = computations;
    }

    /** One load's part in the batch. */
    final class Member {
        private final AtomicBoolean looked = new AtomicBoolean();
        private final AtomicBoolean started = new AtomicBoolean();

        private Member() {}

        /** Looks into the cache, together with others or alone. */
        CompletableFuture<Lookup> lookAgain(UsageKey key) {
            Look look = new Look(key, new CompletableFuture<>());
            boolean together = looked.compareAndSet(false, true) && looks.arrive(look);
            return together ? look.outcome() : computations.cache().read(key);
        }

        /** Starts a computation, together with others or alone. */
        CompletableFuture<AgedUsage> start(Computation computation) {
            leaveLooks();
            if (!started.compareAndSet(false, true)) {
                return computation.start();
            }
            if (!starts.arrive(computation)) {
                startLate(computation);
            }
            return computation.outcome();
        }

        /** Takes no part any more. Idempotent. */
        void leave() {
            leaveLooks();
            if (started.compareAndSet(false, true)) {
                starts.leave();
            }
        }

        private void leaveLooks() {
            if (looked.compareAndSet(false, true)) {
                looks.leave();
            }
        }
    }

    Member join() {
        looks.expect();
        starts.expect();
        return new Member();
    }

    /** Adds no more loads. */
    void seal() {
        looks.seal();
        starts.seal();
        after(LONGEST_WAIT, looks::end);
    }

    private void look(List<Look> all) {
        Map<UsageKey, CompletableFuture<Lookup>> found =
                computations.cache().readAll(all.stream().map(Look::key).toList());
        for (Look look : all) {
            CompletableFuture<Lookup> read = found.get(look.key());
            var unused =
                    (read == null ? computations.cache().read(look.key()) : read).thenAccept(look.outcome()::complete);
        }
        var unused = CompletableFuture.allOf(all.stream().map(Look::outcome).toArray(CompletableFuture<?>[]::new))
                .thenRun(() -> after(LONGEST_WAIT, starts::end));
    }

    /** What follows calls the host's cache, its calculator and its executor. */
    private void after(Duration delay, Runnable action) {
        Delays.Timer unused = computations.delays().after(delay, () -> Timers.passOn(action));
    }

    private void start(List<Computation> all) {
        startTogether(all.stream().filter(one -> !one.isRefresh()).toList());
        startTogether(all.stream().filter(Computation::isRefresh).toList());
    }

    private void startLate(Computation computation) {
        boolean isFirst;
        lateLock.lock();
        try {
            isFirst = late.isEmpty();
            late.add(computation);
        } finally {
            lateLock.unlock();
        }
        if (isFirst) {
            after(LATE_WAIT, this::startLate);
        }
    }

    private void startLate() {
        List<Computation> all;
        lateLock.lock();
        try {
            all = List.copyOf(late);
            late.clear();
        } finally {
            lateLock.unlock();
        }
        start(all);
    }

    private void startTogether(List<Computation> all) {
        int size = computations.calculator().maxBatch();
        for (int from = 0; from < all.size(); from += Math.max(1, size)) {
            List<Computation> some = all.subList(from, Math.min(all.size(), from + Math.max(1, size)));
            if (some.size() == 1) {
                var unused = some.get(0).start();
            } else {
                new BatchComputation(computations, some).start();
            }
        }
    }
}
