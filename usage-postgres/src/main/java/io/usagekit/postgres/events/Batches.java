package io.usagekit.postgres.events;

import java.util.function.LongSupplier;

/** Work that is done bit by bit. */
final class Batches {

    private Batches() {}

    /** Does the next batch until one has fewer rows than it might have; how many they were in all. */
    static long untilFewer(long most, LongSupplier batch) {
        long all = 0;
        long last = most;
        while (last == most) {
            last = batch.getAsLong();
            all += last;
        }
        return all;
    }
}
