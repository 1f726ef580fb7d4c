package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/**
 * Deletes events in batches, each in a transaction of its own, so that locks are held for one batch only; or all of them in the host's
 * transaction.
 */
final class EventDeletion {

    private static final int MOST_EVENTS = 3_000;
    private static final String FAILURE = "the events can't be deleted";

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final InstantSource clock;

    EventDeletion(LedgerTransactions transactions, LedgerSql sql, InstantSource clock) {
        this.transactions = transactions;
        this.sql = sql;
        this.clock = clock;
    }

    long delete(String projectId, EventWindow window) {
        Instant now = clock.instant().truncatedTo(ChronoUnit.MICROS);
        LedgerFilter live = LedgerFilter.of(EventFilter.builder().window(window).build());
        return Batches.untilFewer(
                MOST_EVENTS,
                () -> transactions.run(
                        Jdbc.Mode.WRITE,
                        FAILURE,
                        connection -> sql.call(connection, LedgerStatement.SOFT_DELETE_EVENTS, live)
                                .text("project_id", projectId)
                                .instant("now", now)
                                .number("limit", MOST_EVENTS)
                                .update()));
    }

    /** How many events a batch deleted, and the place of its last event. */
    private record Batch(long deleted, Optional<Scan.Position> last) {}

    long deleteForGood(String projectId, EventWindow window) {
        LedgerFilter filter = LedgerFilter.of(window);
        long deleted = 0;
        Optional<Scan.Position> boundary = Optional.empty();
        do {
            Batch batch = deleteBatch(projectId, filter, boundary);
            deleted += batch.deleted();
            boundary = batch.last();
        } while (boundary.isPresent());
        return deleted;
    }

    private Batch deleteBatch(String projectId, LedgerFilter filter, Optional<Scan.Position> boundary) {
        Batches.checkInterrupt();
        Scan scan = new Scan(EventOrder.ASCENDING, boundary, MOST_EVENTS);
        // A delivery that is recorded while the locks are waited for is seen by the next statement only.
        return transactions.runIsolated(Jdbc.Mode.WRITE, FAILURE, connection -> {
            List<Scan.Position> locked = sql.call(connection, LedgerStatement.LOCK_UNDELIVERED_EVENTS, filter, scan)
                    .text("project_id", projectId)
                    .list(row -> new Scan.Position(row.instant("created_at"), row.text("id")));
            return locked.isEmpty()
                    ? new Batch(0, Optional.empty())
                    : new Batch(deleteLocked(connection, locked), Optional.of(locked.get(locked.size() - 1)));
        });
    }

    private long deleteLocked(Connection connection, List<Scan.Position> locked) throws SQLException {
        return sql.call(connection, LedgerStatement.DELETE_UNDELIVERED_EVENTS)
                .texts("ids", locked.stream().map(Scan.Position::id).toList())
                .first(row -> row.number("events"))
                .orElseThrow();
    }
}
