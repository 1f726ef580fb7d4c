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
import io.usagekit.events.spi.Position;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import java.io.OutputStream;
import java.util.Optional;

/**
 * Exports events in one snapshot, batch by batch: asked for all of them at once, PostgreSQL might sort them, payloads and all,
 * before the first one comes.
 */
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
        try {
            return transactions.run(Jdbc.Mode.READ_ONLY_SNAPSHOT, "the events can't be read", connection -> {
                Batch batch = new Batch(writer);
                do {
                    Scan scan = new Scan(EventOrder.ASCENDING, batch.begin(), ExportWriter.BATCH_EVENTS);
                    sql.call(connection, LedgerStatement.PAGE_EVENTS, filter, scan)
                            .text("project_id", request.projectId())
                            .forEachSizing(batch.fetched(), row -> batch.add(EventRows.event(row)));
                } while (batch.isFull());
                return writer.end();
            });
        } catch (EventLedgerException e) {
            throw writer.failed(String.valueOf(e.getMessage()), e);
        }
    }

    /** The events of a batch pass through here; as many are fetched at a time as the largest of them leaves room for. */
    private static final class Batch {
        private final ExportWriter writer;
        private Optional<Position> last;
        private int events;
        private long largest = FETCHED_OCTETS / FIRST_FETCHED;

        Batch(ExportWriter writer) {
            this.writer = writer;
            last = writer.beyond();
        }

        /** Begins the next one, behind this place. */
        Optional<Position> begin() {
            events = 0;
            return last;
        }

        /** Takes the next event, and says how many to fetch at a time. */
        int add(Event event) {
            writer.write(event);
            last = Optional.of(new Position(event.createdAt(), event.id()));
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
