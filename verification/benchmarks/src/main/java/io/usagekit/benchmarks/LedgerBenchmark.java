package io.usagekit.benchmarks;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.events.PostgresLedger;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Time of the first page of each filter and of one deep in the project, and of an export. */
final class LedgerBenchmark {

    private static final int PAGE = 20;
    private static final int RUNS = 15;
    private static final String PROJECT = "project-1";
    private static final Instant BEFORE = Instant.parse("2026-04-01T00:00:00Z");
    private static final EventWindow WINDOW =
            EventWindow.between(Instant.parse("2026-01-02T00:00:00Z"), Instant.parse("2026-03-31T00:00:00Z"));

    private final int events;
    private final PrintWriter out;

    LedgerBenchmark(int events, PrintWriter out) {
        this.events = events;
        this.out = out;
    }

    void run() throws Exception {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            PostgresLedger.of(database.pool()).install();
            EventRepository ledger = PostgresLedger.of(database.pool()).repository();
            fill(database);
            ledger.tokenise(PROJECT, EventWindow.ALL);
            database.run("vacuum (analyze)");
            int depth = events / 100 * PAGE;
            out.printf(
                    Locale.ROOT, "%,d events, pages of %d; the first page, and one %,d rows on%n", events, PAGE, depth);
            for (Map.Entry<String, EventFilter> filter : filters().entrySet()) {
                pages(ledger, filter.getKey(), filter.getValue(), depth);
            }
            export(ledger);
        }
    }

    private void pages(EventRepository ledger, String name, EventFilter filter, int depth) throws Exception {
        long all = ledger.count(PROJECT, filter);
        PageRequest first = PageRequest.first(PAGE, EventOrder.DESCENDING);
        PageRequest deep =
                at(ledger, filter, Math.min(depth, all / 2)).map(first::at).orElse(first);
        out.printf(
                Locale.ROOT,
                "%-16s %,10d events   first %,8.2f ms   deep %,8.2f ms%n",
                name,
                all,
                Timing.medianMillis(RUNS, () -> ledger.page(PROJECT, filter, first)),
                Timing.medianMillis(RUNS, () -> ledger.page(PROJECT, filter, deep)));
    }

    /** The cursor after this many rows; empty if there is none. */
    private static Optional<String> at(EventRepository ledger, EventFilter filter, long rows) {
        Optional<String> cursor = Optional.empty();
        long left = rows;
        while (left > 0) {
            PageRequest first = PageRequest.first((int) Math.min(left, PageRequest.MAX_SIZE), EventOrder.DESCENDING);
            Page<Event> page =
                    ledger.page(PROJECT, filter, cursor.map(first::at).orElse(first));
            if (page.next().isEmpty()) {
                return cursor;
            }
            cursor = page.next();
            left -= page.items().size();
        }
        return cursor;
    }

    private void export(EventRepository ledger) throws Exception {
        ExportResult[] result = new ExportResult[1];
        double seconds = Timing.millis(() -> result[0] = ledger.export(
                        ExportRequest.builder(PROJECT, BEFORE)
                                .format(ExportRequest.Format.NDJSON)
                                .compression(ExportRequest.Compression.GZIP)
                                .build(),
                        OutputStream.nullOutputStream()))
                / 1e3;
        out.printf(
                Locale.ROOT,
                "export of %,d events, gzipped: %.1f s, %,.0f events a second, %,d octets%n",
                result[0].events(),
                seconds,
                result[0].events() / seconds,
                result[0].octets());
    }

    private void fill(BenchmarkDatabase database) throws SQLException {
        database.run(
                "insert into usagekit.projects (id, organisation_id) select 'project-' || n, 'org-1' from generate_series(1, 2) n",
                "insert into usagekit.endpoints (id, project_id, owner_id) select 'endpoint-' || n, 'project-1', 'owner-' || n % 100"
                        + " from generate_series(0, 999) n",
                "insert into usagekit.events (id, project_id, event_type, status, source_id, idempotency_key, headers, raw, created_at)"
                        + " select 'event-' || n, 'project-' || (1 + (n % 10 = 0)::int), 'type-' || n % 17, 'status-' || n % 5,"
                        + " 'source-' || n % 50, case when n % 2 = 0 then 'key-' || n / 3 else '' end,"
                        + " case when n % 3 = 0 then jsonb_build_object('x-broker-message-id', 'm-' || n / 4) else '{}' end,"
                        + " 'event ' || n || ' word' || n % 500 || ' ' || repeat(md5(n::text), 16),"
                        + " timestamptz '2026-01-01Z' + n * interval '90 days' / " + events
                        + " from generate_series(0, " + (events - 1) + ") n",
                "insert into usagekit.events_endpoints select id, 'endpoint-' || (n * 7 + e * 331) % 1000 from (select id,"
                        + " substr(id, 7)::int as n from usagekit.events) x, generate_series(0, 1) e on conflict do nothing",
                "vacuum (analyze)");
    }

    private static Map<String, EventFilter> filters() {
        Map<String, EventFilter> filters = new LinkedHashMap<>();
        filters.put("none", EventFilter.ALL);
        filters.put("window", EventFilter.builder().window(WINDOW).build());
        filters.put(
                "endpoint",
                EventFilter.builder().endpointIds(List.of("endpoint-7")).build());
        filters.put("owner", EventFilter.builder().ownerId("owner-7").build());
        filters.put(
                "source", EventFilter.builder().sourceIds(List.of("source-7")).build());
        filters.put("type", EventFilter.builder().type("type-7").build());
        filters.put("status", EventFilter.builder().status("status-3").build());
        filters.put(
                "type and status",
                EventFilter.builder().type("type-7").status("status-3").build());
        filters.put("text, rare", EventFilter.builder().text("word77 77").build());
        filters.put("text", EventFilter.builder().text("WORD77").build());
        filters.put("text, in all", EventFilter.builder().text("event").build());
        return filters;
    }
}
