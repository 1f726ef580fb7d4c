package io.usagekit.postgres.events;

import java.util.function.IntSupplier;

/** Work that is done bit by bit. */
final class Batches {

    private Batches() {}

    /** Does the next batch until one has fewer rows than it might have; how many they were in all. */
    static long untilFewer(int most, IntSupplier batch) {
        long all = 0;
        int last = most;
        while (last == most) {
            last = batch.getAsInt();
            all += last;
        }
        return all;
    }
}
