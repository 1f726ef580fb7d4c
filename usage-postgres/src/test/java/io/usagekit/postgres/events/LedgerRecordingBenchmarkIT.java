package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.io.IOException;
import java.io.StringReader;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/** What recording costs beside what a host would write itself; as {@link LedgerPagePlanIT}. */
class LedgerRecordingBenchmarkIT {

    private static final int EVENTS = Integer.getInteger("usagekit.benchmark.events", 20_000);
    private static final Instant BEFORE = Instant.parse("2026-04-01T00:00:00Z");

    private interface Way {
        void record(List<NewEvent> events) throws SQLException, IOException;
    }

    @Test
    void recordingBesideInsertAndCopy() throws SQLException, IOException {
        int count = Math.min(EVENTS, 100_000);
        String other = LedgerTables.install("recording");
        EventRepository into = PostgresLedger.of(Database.pool(), other).repository();
        into.save(new Project("p", "org-1", ""));
        System.out.println("Recording, events a second; no key, one endpoint, 500 octets:");
        rate("one by one", count / 20, 1, events -> into.record(events.get(0)));
        rate("lists of 100", count, 100, into::recordAll);
        rate("lists of 10,000", count, 10_000, into::recordAll);
        rate("INSERT of 1,000", count, 1_000, events -> insert(other, events));
        rate("COPY of 10,000", count, 10_000, events -> copy(other, events));
        assertThat(into.countMessages("p")).isEqualTo(4L * count + count / 20);
        Database.dropSchema(other);
    }

    private static void rate(String name, int count, int size, Way way) throws SQLException, IOException {
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
        long began = System.nanoTime();
        for (List<NewEvent> list : lists) {
            way.record(list);
        }
        System.out.printf(Locale.ROOT, "  %-16s %,10.0f%n", name, count / ((System.nanoTime() - began) / 1e9));
    }

    /** As a host would without the ledger, into the same tables under the same indexes. */
    private static void insert(String into, List<NewEvent> events) throws SQLException {
        String s = Identifiers.quote(into);
        try (Connection connection = Database.pool().getConnection();
                PreparedStatement insert = connection.prepareStatement("insert into " + s
                        + ".events (id, project_id, event_type, status, raw, created_at) values (?, ?, ?, ?, ?, ?::timestamptz)"
                        + ", (?, ?, ?, ?, ?, ?::timestamptz)".repeat(events.size() - 1));
                PreparedStatement endpoints = connection.prepareStatement("insert into " + s
                        + ".events_endpoints values (?, ?)" + ", (?, ?)".repeat(events.size() - 1))) {
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

    private static void copy(String into, List<NewEvent> events) throws SQLException, IOException {
        String s = Identifiers.quote(into);
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
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            PGConnection copying = connection.unwrap(PGConnection.class);
            copying.getCopyAPI()
                    .copyIn(
                            "copy " + s + ".events (id, project_id, event_type, status, raw, created_at) from stdin",
                            new StringReader(rows.toString()));
            copying.getCopyAPI()
                    .copyIn("copy " + s + ".events_endpoints from stdin", new StringReader(endpoints.toString()));
            connection.commit();
            connection.setAutoCommit(true);
        }
    }
}
