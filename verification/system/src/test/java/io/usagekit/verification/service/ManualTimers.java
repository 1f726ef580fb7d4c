package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.Flights;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Time-outs of loads that go off when the test says so: after the computation has begun, however long its thread is stalled. With
 * real ones a load may time out before.
 */
final class ManualTimers implements Delays {

    private record Pending(Runnable action) {}

    private final List<Pending> pending = new ArrayList<>();

    /** A single-flight within one process whose loads have these time-outs. */
    SingleFlight singleFlight() {
        return new Flights(this);
    }

    @Override
    public synchronized Timer after(Duration delay, Runnable action) {
        Pending timer = new Pending(action);
        pending.add(timer);
        return () -> cancel(timer);
    }

    @SuppressWarnings("ReferenceEquality") // two timers may be alike
    private synchronized void cancel(Pending timer) {
        pending.removeIf(other -> other == timer);
    }

    /** All time-outs of loads in flight go off. */
    void goOff() {
        take().forEach(timer -> timer.action().run());
    }

    private synchronized List<Pending> take() {
        List<Pending> taken = List.copyOf(pending);
        pending.clear();
        return taken;
    }
}
