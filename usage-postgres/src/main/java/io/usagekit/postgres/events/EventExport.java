package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventPager;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.ExportWriter;
import io.usagekit.events.Scan;
import io.usagekit.postgres.internal.Transaction;
import java.io.OutputStream;

/** Exports events in one snapshot, by a cursor of the server's. */
final class EventExport {

    /** What is fetched at a time, as far as sizes can be foreseen. */
    private static final long FETCHED_OCTETS = 4L << 20;

    private static final int FEWEST_FETCHED = 10;
    private static final int FIRST_FETCHED = 100;

    /** What an event takes besides its payload. */
    private static final long OVERHEAD_OCTETS = 1_000;

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final EventPager pager;

    EventExport(LedgerTransactions transactions, LedgerSql sql, EventPager pager) {
        this.transactions = transactions;
        this.sql = sql;
        this.pager = pager;
    }

    ExportResult export(ExportRequest request, OutputStream sink) {
        ExportWriter writer = pager.export(request, sink);
        LedgerFilter filter = LedgerFilter.of(EventFilter.builder()
                .window(EventWindow.before(request.before()))
                .build());
        Scan scan = new Scan(EventOrder.ASCENDING, writer.beyond(), Integer.MAX_VALUE);
        try {
            return transactions.run(Transaction.Mode.READ_ONLY_SNAPSHOT, "the events can't be read", connection -> {
                Fetching fetching = new Fetching();
                sql.call(connection, LedgerStatement.EXPORT_EVENTS, filter, scan)
                        .text("project_id", request.projectId())
                        .each(FIRST_FETCHED, row -> {
                            Event event = EventRows.event(row);
                            writer.write(event);
                            return fetching.after(event);
                        });
                return writer.end();
            });
        } catch (EventLedgerException e) {
            throw writer.failed(String.valueOf(e.getMessage()), e);
        }
    }

    /** As many as the largest of the last batch would leave room for. */
    private static final class Fetching {
        private long largest = FETCHED_OCTETS / FIRST_FETCHED;
        private long largestOfBatch;
        private int inBatch;

        int after(Event event) {
            largestOfBatch = Math.max(largestOfBatch, event.bytes() + OVERHEAD_OCTETS);
            largest = Math.max(largest, largestOfBatch);
            inBatch++;
            if (inBatch == ExportWriter.BATCH_EVENTS) {
                largest = largestOfBatch;
                largestOfBatch = 0;
                inBatch = 0;
            }
            return (int) Math.min(ExportWriter.BATCH_EVENTS, Math.max(FEWEST_FETCHED, FETCHED_OCTETS / largest));
        }
    }
}
