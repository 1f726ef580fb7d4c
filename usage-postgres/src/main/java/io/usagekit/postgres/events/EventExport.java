package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.ExportWriter;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlRow;
import java.io.OutputStream;
import java.sql.SQLException;
import java.util.Optional;

/**
 * Exports events in one snapshot, batch by batch: a statement for all of them might make PostgreSQL sort them, with their payloads,
 * before it returns the first one.
 */
final class EventExport {

    /** The octets that are fetched at a time, as far as the sizes so far predict the next ones. */
    private static final long FETCHED_OCTETS = 4L << 20;

    private static final int FEWEST_FETCHED = 10;
    private static final int FIRST_FETCHED = 100;

    /** The size of an event without its payload. */
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
        try {
            return transactions.export("the events can't be read", sql.quoted("events"), connection -> {
                Batch batch = new Batch(writer);
                do {
                    Jdbc.checkInterrupt("exporting events");
                    Scan scan = new Scan(EventOrder.ASCENDING, batch.begin(), ExportWriter.BATCH_EVENTS);
                    sql.call(connection, LedgerStatement.PAGE_EVENTS, filter, scan)
                            .text("project_id", request.projectId())
                            .forEachSizing(batch.fetched(), row -> batch.add(read(row, writer)));
                } while (batch.isFull());
                return writer.end();
            });
        } catch (EventLedgerException e) {
            throw writer.failed(String.valueOf(e.getMessage()), e);
        }
    }

    /** A row that is no event, e.g. with a null, ends the export as any failure does: with the place to resume. */
    private static Event read(SqlRow row, ExportWriter writer) throws SQLException {
        try {
            return EventRows.event(row);
        } catch (RuntimeException e) {
            throw writer.failed("the events can't be read: " + e.getMessage(), e);
        }
    }

    /** Writes the events of a batch; the larger the largest of them, the fewer are fetched at a time. */
    private static final class Batch {
        private final ExportWriter writer;
        private Optional<Scan.Position> last;
        private int events;
        private long largest = FETCHED_OCTETS / FIRST_FETCHED;

        Batch(ExportWriter writer) {
            this.writer = writer;
            last = writer.beyond();
        }

        /** Begins the next batch, and returns the page boundary after which it starts. */
        Optional<Scan.Position> begin() {
            events = 0;
            return last;
        }

        /** Writes the next event, and returns how many to fetch at a time. */
        int add(Event event) {
            writer.write(event);
            last = Optional.of(new Scan.Position(event.createdAt(), event.id()));
            largest = events == 0 ? octets(event) : Math.max(largest, octets(event));
            events++;
            return fetched();
        }

        private static long octets(Event event) {
            return event.bytes() + OVERHEAD_OCTETS;
        }

        int fetched() {
            return (int) Math.min(ExportWriter.BATCH_EVENTS, Math.max(FEWEST_FETCHED, FETCHED_OCTETS / largest));
        }

        boolean isFull() {
            return events == ExportWriter.BATCH_EVENTS;
        }
    }
}
