package io.usagekit.postgres.partitions;

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
record RewriteOptions(
        int ahead,
        long rows,
        long mostRows,
        Duration budget,
        long fewNotes,
        int politeAttempts,
        Set<Guard> guards,
        Probe probe,
        Consumer<RewriteSql> mutation) {

    static final RewriteOptions DEFAULT = new RewriteOptions(
            3, 1_000, 20_000, Duration.ofSeconds(1), 200, 20, Set.of(Guard.values()), point -> {}, unchanged -> {});

    RewriteOptions ahead(int partitions) {
        return new RewriteOptions(
                partitions, rows, mostRows, budget, fewNotes, politeAttempts, guards, probe, mutation);
    }

    RewriteOptions batchesOf(long size) {
        return new RewriteOptions(ahead, size, size, budget, fewNotes, politeAttempts, guards, probe, mutation);
    }

    RewriteOptions politeAttempts(int attempts) {
        return new RewriteOptions(ahead, rows, mostRows, budget, fewNotes, attempts, guards, probe, mutation);
    }

    RewriteOptions without(Guard guard) {
        Set<Guard> others = EnumSet.copyOf(guards);
        others.remove(guard);
        return new RewriteOptions(ahead, rows, mostRows, budget, fewNotes, politeAttempts, others, probe, mutation);
    }

    RewriteOptions probe(Probe told) {
        return new RewriteOptions(ahead, rows, mostRows, budget, fewNotes, politeAttempts, guards, told, mutation);
    }

    /** With other words in a statement. */
    RewriteOptions mutated(String resource, String before, String after) {
        return new RewriteOptions(
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
