package io.usagekit.postgres.events;

import java.util.function.LongSupplier;

/** Work in batches. */
final class Batches {

    private Batches() {}

    /** Runs batches until one has fewer rows than its limit; returns the number of rows of all of them. */
    static long untilFewer(long limit, LongSupplier batch) {
        long all = 0;
        long last = limit;
        while (last == limit) {
            last = batch.getAsLong();
            all += last;
        }
        return all;
    }
}
