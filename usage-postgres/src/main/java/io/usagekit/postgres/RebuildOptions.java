package io.usagekit.postgres;

import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * How a table is rebuilt.
 *
 * @param ahead how many partitions are made beyond that of now
 * @param rows in the first batch of a copy, and {@code mostRows} in any; it is as many as fit {@code budget}
 * @param fewNotes so many are left to the moment in which writers wait
 * @param politeAttempts so often an exchange is tried without a queue for the lock against readers
 */
record RebuildOptions(
        int ahead,
        long rows,
        long mostRows,
        Duration budget,
        long fewNotes,
        int politeAttempts,
        Set<Guard> guards,
        Probe probe,
        Consumer<RebuildSql> mutation) {

    static final RebuildOptions DEFAULT = new RebuildOptions(
            3, 1_000, 20_000, Duration.ofSeconds(1), 200, 20, Set.of(Guard.values()), point -> {}, unchanged -> {});

    RebuildOptions ahead(int partitions) {
        return new RebuildOptions(
                partitions, rows, mostRows, budget, fewNotes, politeAttempts, guards, probe, mutation);
    }

    RebuildOptions batchesOf(long size) {
        return new RebuildOptions(ahead, size, size, budget, fewNotes, politeAttempts, guards, probe, mutation);
    }

    RebuildOptions politeAttempts(int attempts) {
        return new RebuildOptions(ahead, rows, mostRows, budget, fewNotes, attempts, guards, probe, mutation);
    }

    RebuildOptions without(Guard guard) {
        Set<Guard> others = EnumSet.copyOf(guards);
        others.remove(guard);
        return new RebuildOptions(ahead, rows, mostRows, budget, fewNotes, politeAttempts, others, probe, mutation);
    }

    RebuildOptions probe(Probe told) {
        return new RebuildOptions(ahead, rows, mostRows, budget, fewNotes, politeAttempts, guards, told, mutation);
    }

    /** With other words in a statement. */
    RebuildOptions mutated(String resource, String before, String after) {
        return new RebuildOptions(
                ahead,
                rows,
                mostRows,
                budget,
                fewNotes,
                politeAttempts,
                guards,
                probe,
                sql -> sql.mutate(resource, before, after));
    }

    /** Where tests may end it; the name says what has just been done. */
    enum Point {
        BEGUN,
        COPIED_UNCOMMITTED,
        COPIED,
        INDEXED,
        RENEWED_UNCOMMITTED,
        COMPARED,
        CAUGHT_UP,
        WRITERS_LOCKED,
        DRAINED,
        SNAPSHOTS_GONE,
        SWAPPED_UNCOMMITTED,
        SWAPPED,
        VALIDATED,
        UNGUARDED,
        DROPPED
    }

    /** What a test may leave out, to see that it is missed. */
    enum Guard {
        /** A batch that catches up sees notes and rows in one snapshot. */
        ONE_SNAPSHOT,
        /** Those who began to look before the copy was whole are waited for. */
        WAIT_FOR_SNAPSHOTS,
        /** Those who waited to write meanwhile are told that the table was rebuilt. */
        CHECK_WRITERS
    }

    /** Told of each point, inside the transaction where it says so; what it throws ends the rebuild there. */
    interface Probe {
        void reached(Point point);
    }
}
