package io.usagekit.internal.flight;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Timers that go off when the test says so. */
final class ManualDelays implements Delays {

    private record Pending(Duration delay, Runnable action) {}

    private final List<Pending> pending = new ArrayList<>();

    @Override
    public synchronized Timer after(Duration delay, Runnable action) {
        Pending timer = new Pending(delay, action);
        pending.add(timer);
        return () -> cancel(timer);
    }

    @SuppressWarnings("ReferenceEquality") // two timers may be alike
    private synchronized void cancel(Pending timer) {
        pending.removeIf(other -> other == timer);
    }

    /** The delays of the timers that are set. */
    synchronized List<Duration> delays() {
        return pending.stream().map(Pending::delay).toList();
    }

    /** Those of this delay go off. */
    void goOff(Duration delay) {
        take(timer -> timer.delay().equals(delay))
                .forEach(timer -> timer.action().run());
    }

    /** All that are set go off. */
    void goOff() {
        take(timer -> true).forEach(timer -> timer.action().run());
    }

    private synchronized List<Pending> take(Predicate<Pending> which) {
        List<Pending> taken = pending.stream().filter(which).toList();
        pending.removeAll(taken);
        return taken;
    }
}
