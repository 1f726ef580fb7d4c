package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Position;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;

/** Deletes events in batches, a transaction each: locks are held for as long as a batch takes. */
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

    /** Where a batch ended, and how many of its events are gone. */
    private record Batch(long deleted, Optional<Position> last) {}

    long deleteForGood(String projectId, EventWindow window) {
        LedgerFilter filter = LedgerFilter.of(window);
        long deleted = 0;
        Optional<Position> beyond = Optional.empty();
        do {
            Batch batch = deleteBatch(projectId, filter, beyond);
            deleted += batch.deleted();
            beyond = batch.last();
        } while (beyond.isPresent());
        return deleted;
    }

    private Batch deleteBatch(String projectId, LedgerFilter filter, Optional<Position> beyond) {
        Scan scan = new Scan(EventOrder.ASCENDING, beyond, MOST_EVENTS);
        return transactions.run(Jdbc.Mode.WRITE, FAILURE, connection -> {
            List<Position> locked = sql.call(connection, LedgerStatement.LOCK_UNDELIVERED_EVENTS, filter, scan)
                    .text("project_id", projectId)
                    .list(row -> new Position(row.instant("created_at"), row.text("id")));
            return locked.isEmpty()
                    ? new Batch(0, Optional.empty())
                    : new Batch(deleteLocked(connection, locked), Optional.of(locked.get(locked.size() - 1)));
        });
    }

    private long deleteLocked(Connection connection, List<Position> locked) throws SQLException {
        return sql.call(connection, LedgerStatement.DELETE_UNDELIVERED_EVENTS)
                .texts("ids", locked.stream().map(Position::id).toList())
                .first(row -> row.number("events"))
                .orElseThrow();
    }
}
