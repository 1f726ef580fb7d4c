package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
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
        Instant now = clock.instant();
        LedgerFilter live = LedgerFilter.of(EventFilter.builder().window(window).build());
        return Batches.changeAll(
                MOST_EVENTS,
                scan -> transactions.run(
                        Jdbc.Mode.WRITE,
                        FAILURE,
                        connection -> sql.call(connection, LedgerStatement.SOFT_DELETE_EVENTS, live, scan)
                                .text("project_id", projectId)
                                .instant("now", now)
                                .first(Batches.Batch::of)
                                .orElse(Batches.Batch.EMPTY)));
    }

    long deleteForGood(String projectId, EventWindow window) {
        LedgerFilter filter = LedgerFilter.of(window);
        return Batches.changeAll(MOST_EVENTS, scan -> deleteBatch(projectId, filter, scan));
    }

    private Batches.Batch deleteBatch(String projectId, LedgerFilter filter, Scan scan) {
        // A delivery that is recorded while the locks are waited for is seen by the next statement only.
        return transactions.runIsolated(Jdbc.Mode.WRITE, FAILURE, connection -> {
            List<Scan.Position> locked = sql.call(connection, LedgerStatement.LOCK_UNDELIVERED_EVENTS, filter, scan)
                    .text("project_id", projectId)
                    .list(row -> new Scan.Position(row.instant("created_at"), row.text("id")));
            return locked.isEmpty()
                    ? Batches.Batch.EMPTY
                    : new Batches.Batch(
                            deleteLocked(connection, projectId, locked), Optional.of(locked.get(locked.size() - 1)));
        });
    }

    private long deleteLocked(Connection connection, String projectId, List<Scan.Position> locked) throws SQLException {
        return sql.call(connection, LedgerStatement.DELETE_UNDELIVERED_EVENTS)
                .text("project_id", projectId)
                .texts("ids", locked.stream().map(Scan.Position::id).toList())
                .instant("first", locked.get(0).createdAt())
                .instant("last", locked.get(locked.size() - 1).createdAt())
                .first(row -> row.number("events"))
                .orElseThrow();
    }
}
