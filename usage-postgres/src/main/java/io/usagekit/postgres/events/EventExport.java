package io.usagekit.postgres.events;

import io.usagekit.events.Event;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.ExportWriter;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlRow;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * Exports events slice by slice: a slice has as many events as have {@value #SLICE_OCTETS} octets together, and a larger payload is read part
 * by part. A statement for all of them might make PostgreSQL sort them, with their payloads, before it returns the first one.
 */
final class EventExport {

    static final long SLICE_OCTETS = 4L << 20;

    /** The most events of a slice; and the fewest that are looked at, since the sizes of the last ones only predict those of the next. */
    private static final int MOST_SCANNED = ExportWriter.BATCH_EVENTS;

    private static final int FEWEST_SCANNED = 10;

    /** The most events whose endpoints are looked up at once. */
    private static final int MOST_WITH_ENDPOINTS = 500;

    /** The most projects whose ids are read at once. */
    private static final int MOST_PROJECTS = 1_000;

    /** What an event takes besides its octets. */
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
        Run run = new Run(request, pager.export(request, sink));
        try {
            boolean isEnd;
            do {
                isEnd = transactions.export("the events can't be read", tables(request), run::readSnapshot);
            } while (!isEnd);
            return run.writer.end();
        } catch (EventLedgerException e) {
            throw run.writer.failed(String.valueOf(e.getMessage()), e);
        }
    }

    private List<String> tables(ExportRequest request) {
        List<String> tables = new ArrayList<>(sql.quoted("events"));
        if (request.projectId().isEmpty()) {
            tables.addAll(sql.quoted("projects"));
        }
        if (request.hasEndpoints()) {
            tables.addAll(sql.quoted("events_endpoints"));
        }
        return tables;
    }

    /** One export: how far it is, how many events the next slice looks at, and of how many at once the endpoints are looked up next. */
    private final class Run {
        private final ExportRequest request;
        private final ExportWriter writer;
        private final LedgerFilter filter;
        private final Deque<String> nextProjectIds = new ArrayDeque<>();
        private Optional<String> projectId;
        private Optional<Scan.Position> last;
        private int scanned = 100;
        private int withEndpoints = FEWEST_SCANNED;

        Run(ExportRequest request, ExportWriter writer) {
            this.request = request;
            this.writer = writer;
            filter = LedgerFilter.of(request.filter());
            projectId = writer.beyond().map(ExportWriter.Place::projectId).or(request::projectId);
            last = writer.beyond().map(ExportWriter.Place::position);
        }

        /** Writes slices as long as the snapshot may be read; returns whether there are no more events. */
        boolean readSnapshot(Connection connection) throws SQLException {
            long start = System.nanoTime();
            nextProjectIds.clear(); // of the snapshot before
            do {
                Jdbc.checkInterrupt("exporting events");
                List<Event> slice = read(connection);
                if (slice.isEmpty() && !startNextProject(connection)) {
                    return true;
                }
                for (int from = 0; from < slice.size(); ) {
                    from += write(connection, slice.subList(from, Math.min(from + withEndpoints, slice.size())));
                }
                predict(slice);
            } while (Duration.ofNanos(System.nanoTime() - start).compareTo(request.snapshotFor()) < 0);
            return false;
        }

        /** Returns whether there is another project whose events are exported. */
        private boolean startNextProject(Connection connection) throws SQLException {
            if (request.projectId().isEmpty() && nextProjectIds.isEmpty()) {
                nextProjectIds.addAll(sql.call(connection, LedgerStatement.LIST_NEXT_PROJECTS)
                        .text("after", projectId.orElse(""))
                        .number("limit", MOST_PROJECTS)
                        .list(row -> row.text("id")));
            }
            projectId = Optional.ofNullable(nextProjectIds.poll());
            last = Optional.empty();
            return projectId.isPresent();
        }

        private List<Event> read(Connection connection) throws SQLException {
            if (projectId.isEmpty()) {
                return List.of();
            }
            List<Event> slice = new ArrayList<>();
            sql.call(connection, LedgerStatement.EXPORT_EVENTS, filter, new Scan(EventOrder.ASCENDING, last, scanned))
                    .text("project_id", projectId.get())
                    .number("octets", SLICE_OCTETS)
                    .forEach(row -> slice.add(event(row)));
            return slice;
        }

        /** A row that is no event, e.g. with a null, ends the export as any failure does: with the place to resume. */
        private Event event(SqlRow row) throws SQLException {
            try {
                return EventRows.event(row);
            } catch (RuntimeException e) {
                throw writer.failed("the events can't be read: " + e.getMessage(), e);
            }
        }

        /** Writes the first of some events, those whose endpoints are read at once; returns how many. */
        private int write(Connection connection, List<Event> events) throws SQLException {
            List<List<String>> endpointIds = request.hasEndpoints()
                    ? endpointIds(connection, events)
                    : Collections.nCopies(events.size(), List.of());
            for (int i = 0; i < endpointIds.size(); i++) {
                write(connection, events.get(i), endpointIds.get(i));
            }
            int whole = endpointIds.size() == events.size() ? withEndpoints : endpointIds.size();
            withEndpoints = Math.min(2 * whole, MOST_WITH_ENDPOINTS);
            return endpointIds.size();
        }

        private List<List<String>> endpointIds(Connection connection, List<Event> events) throws SQLException {
            return sql.call(connection, LedgerStatement.FIND_ENDPOINTS_OF_EVENTS)
                    .text("project_id", events.get(0).projectId())
                    .texts("ids", events.stream().map(Event::id).toList())
                    .instants(
                            "created_ats", events.stream().map(Event::createdAt).toList())
                    .number("octets", SLICE_OCTETS)
                    .list(row -> row.texts("endpoint_ids"));
        }

        private void write(Connection connection, Event event, List<String> endpointIds) {
            if (event.bytes() <= SLICE_OCTETS) {
                writer.write(event, endpointIds);
            } else {
                LargePayload payload = new LargePayload(sql, connection, event);
                writer.write(event, endpointIds, payload.raw(), payload.data());
            }
            last = Optional.of(new Scan.Position(event.createdAt(), event.id()));
        }

        private void predict(List<Event> slice) {
            if (slice.isEmpty()) {
                return;
            }
            long octets = slice.stream()
                    .mapToLong(event -> event.octets() + OVERHEAD_OCTETS)
                    .sum();
            long next = 2L * slice.size() * SLICE_OCTETS / octets;
            scanned = (int) Math.min(MOST_SCANNED, Math.max(FEWEST_SCANNED, next));
        }
    }
}
