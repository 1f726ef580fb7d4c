package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.EventExportException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Commits;
import io.usagekit.postgres.testing.Database;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Exports while others write, and while the server ends the session. */
class LedgerExportIT {

    private static final Instant FIRST = Instant.parse("2026-03-01T00:00:00Z");
    private static final Instant BEFORE = Instant.parse("2026-04-01T00:00:00Z");
    private static final int EVENTS = 8_000;

    private static String schema;
    private static EventRepository ledger;

    @BeforeAll
    static void record() {
        schema = LedgerTables.install("export");
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        ledger.save(new Project("p", "org-1", ""));
        ledger.recordAll(IntStream.range(0, EVENTS)
                .mapToObj(n -> NewEvent.builder("p", "e" + n)
                        .createdAt(FIRST.plusSeconds(n))
                        .payload(Payload.of("{\"n\": " + n + "}", new byte[n % 10]))
                        .build())
                .toList());
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private static ExportRequest.Builder lines() {
        return ExportRequest.builder("p", BEFORE).format(ExportRequest.Format.NDJSON);
    }

    private static byte[] export(EventRepository from, ExportRequest request) {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        from.export(request, sink);
        return sink.toByteArray();
    }

    @Test
    void exportsOneSnapshotWhileOthersWrite() {
        byte[] quiet = export(ledger, lines().build());
        byte[] busy = export(
                ledger,
                lines().listener(progress -> {
                            ledger.record(NewEvent.builder("p", "late-" + progress.events())
                                    .createdAt(BEFORE.minusSeconds(1))
                                    .build());
                            ledger.updateStatus("p", "e" + (EVENTS - 1), "changed");
                        })
                        .build());
        assertThat(busy).isEqualTo(quiet);
        assertThat(export(ledger, lines().build())).as("afterwards").isNotEqualTo(quiet);
        ledger.deleteForGood("p", EventWindow.since(BEFORE.minusSeconds(1)));
        ledger.updateStatus("p", "e" + (EVENTS - 1), "");
    }

    @Test
    void goesOnInNewSnapshotAfterAWhile() {
        List<String> seen = new ArrayList<>();
        ExportRequest request = lines().snapshotFor(Duration.ofNanos(1))
                .listener(progress -> {
                    if (seen.isEmpty()) {
                        seen.add(String.valueOf(progress.events()));
                        ledger.record(NewEvent.builder("p", "meanwhile")
                                .createdAt(BEFORE.minusSeconds(1))
                                .build());
                    }
                })
                .build();
        List<String> lines = new String(export(ledger, request), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assertThat(lines).hasSize(EVENTS + 1);
        assertThat(lines.get(EVENTS)).startsWith("{\"id\":\"meanwhile\"");
        ledger.deleteForGood("p", EventWindow.since(BEFORE.minusSeconds(1)));
    }

    @Test
    void exportsProjectsCreatedBeforeItsNewSnapshot() {
        ledger.save(new Project("r", "org-1", ""));
        AtomicBoolean isFirst = new AtomicBoolean(true);
        ExportRequest request = ExportRequest.ofAllProjects(BEFORE)
                .format(ExportRequest.Format.NDJSON)
                .from(FIRST.plusSeconds(EVENTS - 3_000))
                .snapshotFor(Duration.ofNanos(1))
                .listener(progress -> {
                    if (isFirst.getAndSet(false)) {
                        ledger.save(new Project("q", "org-1", ""));
                        for (String project : List.of("q", "r")) {
                            ledger.record(NewEvent.builder(project, "of " + project)
                                    .createdAt(BEFORE.minusSeconds(1))
                                    .build());
                        }
                    }
                })
                .build();
        assertThat(new String(export(ledger, request), StandardCharsets.UTF_8)
                        .lines()
                        .skip(3_000))
                .extracting(line -> line.substring(7, 11))
                .containsExactly("of q", "of r");
        for (String project : List.of("q", "r")) {
            ledger.deleteForGood(project, EventWindow.since(FIRST));
        }
    }

    @Test
    void resumesWhereTheServerEndedTheSession() {
        byte[] whole = export(ledger, lines().build());
        String url = Database.jdbcUrl();
        try (HikariDataSource one =
                Database.pool(url + (url.contains("?") ? "&" : "?") + "ApplicationName=ledger-export")) {
            EventRepository doomed = PostgresLedger.of(one, schema).repository();
            ByteArrayOutputStream sink = new ByteArrayOutputStream();
            ExportRequest request = lines().listener(
                            progress -> Database.execute(
                                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ledger-export'"))
                    .build();
            EventExportException error =
                    catchThrowableOfType(EventExportException.class, () -> doomed.export(request, sink));
            assertThat(error).hasMessageContaining("the events can't be read");
            assertThat(error.progress().events()).isEqualTo(3_000);
            byte[] first =
                    Arrays.copyOf(sink.toByteArray(), (int) error.progress().octets());
            byte[] rest = export(
                    ledger,
                    lines().resume(error.progress().cursor().orElseThrow()).build());
            ByteArrayOutputStream joined = new ByteArrayOutputStream();
            joined.writeBytes(first);
            joined.writeBytes(rest);
            assertThat(joined.toByteArray()).isEqualTo(whole);
        }
    }

    /** Each event has endpoint ids of 2.1 MB, and those of two events are returned at once. An event takes a scan of an index, or two. */
    @Tag("thorough")
    @Test
    void looksUpEndpointsOfFewMoreEventsThanItWrites() {
        String s = Identifiers.quote(schema);
        int events = 20;
        ledger.save(new Project("large", "org-1", ""));
        ledger.recordAll(IntStream.range(0, events)
                .mapToObj(n ->
                        NewEvent.builder("large", "large " + n).createdAt(FIRST).build())
                .toList());
        Database.execute("insert into " + s + ".events_endpoints (event_id, endpoint_id)"
                + " select e.id, n || repeat('x', 100000) from " + s + ".events e, generate_series(1, 21) n"
                + " where e.project_id = 'large'");
        String scans = "select max(pg_stat_get_xact_numscans(relid)) from (select '" + s
                + ".events_endpoints'::regclass::oid union all select indexrelid from pg_index where indrelid = '" + s
                + ".events_endpoints'::regclass) r (relid)";
        AtomicLong lookedUp = new AtomicLong();
        try (HikariDataSource pool = Database.newPool(1, config -> {})) {
            ExportResult result = PostgresLedger.of(
                            Commits.watched(pool, connection -> lookedUp.set(number(connection, scans))), schema)
                    .repository()
                    .export(
                            ExportRequest.builder("large", BEFORE)
                                    .withEndpoints()
                                    .build(),
                            OutputStream.nullOutputStream());
            assertThat(result.events()).isEqualTo(events);
            assertThat(result.octets()).isGreaterThan(events * 2_100_000L);
        }
        assertThat(lookedUp.get()).isBetween((long) events, 5L * events);
        ledger.deleteForGood("large", EventWindow.since(FIRST));
    }

    private static long number(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Test
    void writesJson() throws IOException {
        JsonNode array = new ObjectMapper()
                .readTree(export(ledger, ExportRequest.builder("p", BEFORE).build()));
        assertThat(array).hasSize(EVENTS);
        for (int n = 0; n < EVENTS; n++) {
            assertThat(array.get(n).get("id").asText()).isEqualTo("e" + n);
            assertThat(array.get(n).get("raw").asText()).isEqualTo("{\"n\": " + n + "}");
            assertThat(array.get(n).get("data").binaryValue()).hasSize(n % 10);
        }
    }

    @Test
    void wrapsTheDriversException() {
        EventRepository nowhere = PostgresLedger.of(Database.pool(), "nowhere").repository();
        assertThatThrownBy(() -> export(nowhere, lines().build()))
                .isInstanceOf(EventExportException.class)
                .hasMessageContaining("the events can't be read")
                .hasMessageEndingWith("0 events were handed over, start again from the beginning");
    }
}
