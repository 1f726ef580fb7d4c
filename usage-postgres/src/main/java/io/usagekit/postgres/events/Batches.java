package io.usagekit.postgres.events;

import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.SQLException;
import java.util.Optional;

/** Work in batches, each from the place of the last row of the one before. */
final class Batches {

    private Batches() {}

    /**
     * A batch that was worked through.
     *
     * @param changed how many of its rows were changed: others may have changed some meanwhile
     * @param last the place of its last row; empty if it had none
     */
    record Batch(long changed, Optional<Scan.Position> last) {

        /** A batch without rows. */
        static final Batch EMPTY = new Batch(0, Optional.empty());

        static Batch of(SqlRow row) throws SQLException {
            return new Batch(
                    row.number("changed"),
                    Optional.of(new Scan.Position(row.instant("last_created_at"), row.text("last_id"))));
        }
    }

    /**
     * The work of a batch.
     *
     * @param <X> what may be thrown
     */
    interface Change<X extends Exception> {
        Batch apply(Scan scan) throws X;
    }

    /**
     * Works through batches until one has no rows; returns how many rows all of them changed. An interrupt ends it between two batches, and
     * stays set.
     *
     * @param limit how many rows a batch has at most
     * @throws EventLedgerException if the thread is interrupted
     */
    static <X extends Exception> long changeAll(int limit, Change<X> change) throws X {
        long changed = 0;
        Optional<Scan.Position> boundary = Optional.empty();
        do {
            checkInterrupt();
            Batch batch = change.apply(new Scan(EventOrder.ASCENDING, boundary, limit));
            changed += batch.changed();
            boundary = batch.last();
        } while (boundary.isPresent());
        return changed;
    }

    private static void checkInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new EventLedgerException(
                    "the thread was interrupted between two batches; what they did before stays done, and another call continues",
                    null);
        }
    }
}
