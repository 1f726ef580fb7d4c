package io.usagekit.internal.flight;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

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

    /** All that are set go off. */
    void goOff() {
        take().forEach(timer -> timer.action().run());
    }

    private synchronized List<Pending> take() {
        List<Pending> taken = List.copyOf(pending);
        pending.clear();
        return taken;
    }
}
