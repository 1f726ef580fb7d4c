package io.usagekit.benchmarks;

import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.events.PostgresLedger;
import java.io.PrintWriter;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.postgresql.PGConnection;

/** Events a second that are recorded, beside what a host would write itself into the same tables. */
final class RecordingBenchmark {

    private static final Instant BEFORE = Instant.parse("2026-04-01T00:00:00Z");

    private final int events;
    private final PrintWriter out;

    RecordingBenchmark(int events, PrintWriter out) {
        this.events = events;
        this.out = out;
    }

    private interface Way {
        void record(List<NewEvent> events) throws Exception;
    }

    void run() throws Exception {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            PostgresLedger.of(database.pool()).install();
            EventRepository ledger = PostgresLedger.of(database.pool()).repository();
            ledger.save(new Project("p", "org-1", ""));
            int single = Math.max(1, events / 20);
            out.println("events a second; no key, one endpoint, 500 octets:");
            rate("one by one", single, 1, list -> ledger.record(list.get(0)));
            rate("lists of 100", events, 100, ledger::recordAll);
            rate("lists of 10,000", events, 10_000, ledger::recordAll);
            rate("INSERT of 1,000", events, 1_000, list -> insert(database, list));
            rate("COPY of 10,000", events, 10_000, list -> copy(database, list));
            long recorded = ledger.countMessages("p");
            if (recorded != 4L * events + single) {
                throw new IllegalStateException(
                        "recorded " + recorded + " events instead of " + (4L * events + single));
            }
        }
    }

    private void rate(String name, int count, int size, Way way) throws Exception {
        List<List<NewEvent>> lists = new ArrayList<>();
        for (int from = 0; from < count; from += size) {
            lists.add(IntStream.range(from, Math.min(count, from + size))
                    .mapToObj(n -> NewEvent.builder("p", name + n)
                            .type("type-" + n % 17)
                            .status("status")
                            .payload(Payload.of("x".repeat(500)))
                            .createdAt(BEFORE.minusSeconds(n))
                            .endpointIds(List.of("endpoint-" + n % 1_000))
                            .build())
                    .toList());
        }
        double seconds = Timing.millis(() -> {
                    for (List<NewEvent> list : lists) {
                        way.record(list);
                    }
                })
                / 1e3;
        out.printf(Locale.ROOT, "%-16s %,10.0f%n", name, count / seconds);
    }

    /** As a host would without the ledger, into the same tables under the same indexes. */
    private static void insert(BenchmarkDatabase database, List<NewEvent> events) throws SQLException {
        try (Connection connection = database.pool().getConnection();
                PreparedStatement insert = connection.prepareStatement("insert into usagekit.events (id, project_id,"
                        + " event_type, status, raw, created_at) values (?, ?, ?, ?, ?, ?::timestamptz)"
                        + ", (?, ?, ?, ?, ?, ?::timestamptz)".repeat(events.size() - 1));
                PreparedStatement endpoints = connection.prepareStatement(
                        "insert into usagekit.events_endpoints values (?, ?)" + ", (?, ?)".repeat(events.size() - 1))) {
            connection.setAutoCommit(false);
            int at = 1;
            int endpointAt = 1;
            for (NewEvent event : events) {
                insert.setString(at++, event.id());
                insert.setString(at++, event.projectId());
                insert.setString(at++, event.type());
                insert.setString(at++, event.status());
                insert.setString(at++, event.payload().raw());
                insert.setString(at++, event.createdAt().orElseThrow().toString());
                endpoints.setString(endpointAt++, event.id());
                endpoints.setString(endpointAt++, event.endpointIds().iterator().next());
            }
            insert.executeUpdate();
            endpoints.executeUpdate();
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    private static void copy(BenchmarkDatabase database, List<NewEvent> events) throws Exception {
        StringBuilder rows = new StringBuilder();
        StringBuilder endpoints = new StringBuilder();
        for (NewEvent event : events) {
            rows.append(String.join(
                            "\t",
                            event.id(),
                            event.projectId(),
                            event.type(),
                            event.status(),
                            event.payload().raw(),
                            event.createdAt().orElseThrow().toString()))
                    .append('\n');
            endpoints
                    .append(event.id())
                    .append('\t')
                    .append(event.endpointIds().iterator().next())
                    .append('\n');
        }
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            PGConnection copying = connection.unwrap(PGConnection.class);
            copying.getCopyAPI()
                    .copyIn(
                            "copy usagekit.events (id, project_id, event_type, status, raw, created_at) from stdin",
                            new StringReader(rows.toString()));
            copying.getCopyAPI()
                    .copyIn("copy usagekit.events_endpoints from stdin", new StringReader(endpoints.toString()));
            connection.commit();
            connection.setAutoCommit(true);
        }
    }
}
