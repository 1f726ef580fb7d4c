package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import java.util.function.LongSupplier;

/** Work in batches. */
final class Batches {

    private Batches() {}

    /**
     * Ends the work between two batches if its thread is interrupted; the interrupt stays set.
     *
     * @throws EventLedgerException if it is
     */
    static void checkInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new EventLedgerException(
                    "the thread was interrupted between two batches; what they did before stays done, and another call continues",
                    null);
        }
    }

    /** Runs batches until one has fewer rows than its limit; returns the number of rows of all of them. */
    static long untilFewer(long limit, LongSupplier batch) {
        long all = 0;
        long last = limit;
        while (last == limit) {
            checkInterrupt();
            last = batch.getAsLong();
            all += last;
        }
        return all;
    }
}
