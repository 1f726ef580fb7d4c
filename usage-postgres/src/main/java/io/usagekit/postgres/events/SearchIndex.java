package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.time.Instant;
import java.util.Optional;

/** Makes and deletes the search index of events, in batches with a transaction each, or all of them in the host's. */
final class SearchIndex {

    private static final int MOST_EVENTS = 1_000;
    /** Before the first event. */
    private static final Instant FIRST = Instant.parse("0001-01-01T00:00:00Z");

    /** After the last event. */
    private static final Instant AFTER_LAST = Instant.parse("+10000-01-01T00:00:00Z");

    private static final int MOST_TOKENS = 10_000;

    private final LedgerTransactions transactions;
    private final LedgerSql sql;

    SearchIndex(LedgerTransactions transactions, LedgerSql sql) {
        this.transactions = transactions;
        this.sql = sql;
    }

    private record Batch(long written, Scan.Position last) {}

    long tokenise(String projectId, EventWindow window) {
        LedgerFilter live = LedgerFilter.of(EventFilter.builder().window(window).build());
        long written = 0;
        Optional<Batch> batch = tokenise(projectId, live, Optional.empty());
        while (batch.isPresent()) {
            written += batch.get().written();
            batch = tokenise(projectId, live, Optional.of(batch.get().last()));
        }
        return written;
    }

    private Optional<Batch> tokenise(String projectId, LedgerFilter filter, Optional<Scan.Position> boundary) {
        Batches.checkInterrupt();
        Scan scan = new Scan(EventOrder.ASCENDING, boundary, MOST_EVENTS);
        return transactions.run(
                Jdbc.Mode.WRITE,
                "the events can't be tokenised",
                connection -> sql.call(connection, LedgerStatement.TOKENISE_EVENTS, filter, scan)
                        .text("project_id", projectId)
                        .first(row -> new Batch(
                                row.number("written"),
                                new Scan.Position(row.instant("last_created_at"), row.text("last_id")))));
    }

    long deleteTokens(String projectId, EventWindow window) {
        return Batches.untilFewer(
                MOST_TOKENS,
                () -> transactions.run(
                        Jdbc.Mode.WRITE,
                        "the tokens can't be deleted",
                        connection -> sql.call(connection, LedgerStatement.DELETE_TOKENS)
                                .text("project_id", projectId)
                                .instant("from", window.from().orElse(FIRST))
                                .instant("before", window.before().orElse(AFTER_LAST))
                                .number("limit", MOST_TOKENS)
                                .update()));
    }
}
