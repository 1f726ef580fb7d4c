package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.paging.KeysetScan;
import java.time.Instant;

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

    long tokenise(String projectId, EventWindow window) {
        LedgerFilter live = LedgerFilter.of(EventFilter.builder().window(window).build());
        return Batches.changeAll(
                MOST_EVENTS,
                scan -> transactions.run(
                        Jdbc.Mode.WRITE,
                        "the events can't be tokenised",
                        connection -> sql.call(connection, LedgerStatement.TOKENISE_EVENTS, live, scan)
                                .text("project_id", projectId)
                                .first(Batches.Batch::of)
                                .orElse(Batches.Batch.EMPTY)));
    }

    long deleteTokens(String projectId, EventWindow window) {
        return Batches.changeAll(
                MOST_TOKENS,
                scan -> transactions.run(
                        Jdbc.Mode.WRITE,
                        "the tokens can't be deleted",
                        connection -> sql.call(connection, LedgerStatement.DELETE_TOKENS, LedgerFilter.NONE, scan)
                                .text("project_id", projectId)
                                .instant("from", KeysetScan.from(window.from().orElse(FIRST), scan))
                                .instant("before", window.before().orElse(AFTER_LAST))
                                .first(Batches.Batch::of)
                                .orElse(Batches.Batch.EMPTY)));
    }
}
