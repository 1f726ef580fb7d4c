package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.testing.Database;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Installs the ledger into empty schemas and over existing tables. */
class LedgerInstallIT {

    private static final String COLUMNS =
            "select table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable"
                    + " || ' ' || coalesce(column_default, '') from information_schema.columns where table_schema = ?"
                    + " order by table_name, column_name";

    private String schema;
    private String s;
    private PostgresLedger ledger;

    @BeforeEach
    void name() {
        schema = Database.newSchema("install \"ledger\"");
        s = Identifiers.quote(schema);
        ledger = PostgresLedger.of(Database.pool(), schema);
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private List<String> indexes() {
        return Database.column(
                "select replace(indexdef, ?, 'S') from pg_indexes where schemaname = ? order by 1", s, schema);
    }

    @Test
    void extendsTablesWithRowsAndIsIdempotent() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('p', 'o')",
                "insert into " + s + ".events (id, project_id, raw) values ('old', 'p', 'text')",
                "insert into " + s
                        + ".event_deliveries (id, project_id, event_id, status) values ('d', 'p', 'old', 'Success')");
        ledger.install();
        List<String> before = indexes();
        ledger.install();
        PostgresUsage.install(Database.pool(), schema);
        assertThat(indexes()).isEqualTo(before);
        assertThat(Database.query(
                        "select count(*) from pg_index i join pg_class c on c.oid = i.indexrelid"
                                + " where c.relnamespace = ?::regnamespace and not i.indisvalid",
                        s))
                .isEqualTo("0");

        assertThat(ledger.repository().find("p", "old").orElseThrow().payload()).isEqualTo(Payload.of("text"));
        assertThat(ledger.repository().findDelivery("p", "d")).isPresent();
        assertThat(ledger.repository()
                        .count("p", EventFilter.builder().type("").status("").build()))
                .isEqualTo(1);
        Database.execute("insert into " + s + ".events (id, project_id) values ('without any of it', 'p')");
        assertThat(ledger.repository().countMessages("p")).isEqualTo(2);
    }

    /** Headers as a host's own SQL may have inserted them: what they are is passed on, and no page or export ends at them. */
    @Test
    void readsHeadersThatSqlInserted() {
        ledger.install();
        String longName = "n".repeat(400);
        Map<String, Map<String, List<String>>> rows = new LinkedHashMap<>();
        rows.put("[]", Map.of());
        rows.put("[\"x-a\"]", Map.of());
        rows.put("null", Map.of());
        rows.put("17", Map.of());
        rows.put("{\"X-A\": \"1\", \"x-a\": \"2\"}", Map.of("X-A", List.of("1"), "x-a", List.of("2")));
        rows.put(
                "{\"" + longName + "\": \"long\", \"\": \"no name\"}",
                Map.of(longName, List.of("long"), "", List.of("no name")));
        rows.put(
                "{\"n\": 1.50, \"o\": null, \"b\": {\"a\": [\"1\"]}}",
                Map.of("n", List.of("1.50"), "o", List.of(""), "b", List.of("{\"a\": [\"1\"]}")));
        rows.put(
                "{\"l\": [\"2\", \"\", \"1\"], \"s\": [\"1\"]}", Map.of("l", List.of("2", "", "1"), "s", List.of("1")));
        for (String noTexts : List.of("[]", "[1, 2]", "[\"1\", null]", "[[\"1\"]]", "[{\"a\": \"1\"}]")) {
            rows.put("{\"l\": " + noTexts + "}", Map.of("l", List.of(noTexts)));
        }
        Database.execute("insert into " + s + ".projects (id, organisation_id) values ('p', 'o')");
        for (String headers : rows.keySet()) {
            Database.query(
                    "insert into " + s + ".events (id, project_id, headers) values (?, 'p', ?::jsonb) returning id",
                    idOf(headers),
                    headers);
        }

        EventRepository events = ledger.repository();
        rows.forEach((inserted, headers) -> assertThat(
                        events.find("p", idOf(inserted)).orElseThrow().headerValues())
                .as(inserted)
                .isEqualTo(headers));
        assertThat(events.page("p", EventFilter.ALL, PageRequest.first(20, EventOrder.ASCENDING))
                        .items())
                .hasSize(rows.size());
        assertOctetsAreCountedAlike();
        ExportRequest all = ExportRequest.builder("p", Instant.parse("9999-01-01T00:00:00Z"))
                .build();
        assertThat(events.export(all, new ByteArrayOutputStream()).events()).isEqualTo(rows.size());
    }

    /** A gateway's own table has an array of values for each header. */
    @Test
    void findsMessageIdThatSqlInsertedInAnArray() {
        ledger.install();
        Database.execute("insert into " + s + ".projects (id, organisation_id) values ('p', 'o')");
        for (String value : List.of(
                "\"m\"", "[\"m\"]", "[\"m\", \"n\"]", "\"n\"", "[\"n\", \"m\"]", "\"\"", "[\"\"]", "[]", "null")) {
            Database.query(
                    "insert into " + s + ".events (id, project_id, headers)"
                            + " values (?, 'p', jsonb_build_object('x-broker-message-id', ?::jsonb)) returning id",
                    idOf(value),
                    value);
        }
        EventRepository events = ledger.repository();
        PageRequest all = PageRequest.first(20, EventOrder.ASCENDING);
        List<Event> inserted = events.page("p", EventFilter.ALL, all).items();
        assertThat(inserted)
                .extracting(Event::brokerMessageId)
                .containsExactlyInAnyOrder("m", "m", "m", "n", "n", "", "", "[]", "");
        for (String id : List.of("m", "n", "", "[]")) {
            EventFilter filter = EventFilter.builder().brokerMessageId(id).build();
            assertThat(events.page("p", filter, all).items())
                    .as("with the message id \"%s\"", id)
                    .isEqualTo(inserted.stream()
                            .filter(event -> event.brokerMessageId().equals(id))
                            .toList());
        }
    }

    /** Fields as a host's own SQL may have inserted them, which {@link NewEvent} would refuse. */
    @Test
    void readsFieldsThatSqlInserted() {
        ledger.install();
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('p', 'o')",
                "insert into " + s + ".events (id, project_id, acknowledged_at, url_path, url_query_params, metadata)"
                        + " values ('e', 'p', 'infinity', repeat('/é', 9000), repeat('a=', 9000), repeat('{', 9000))");

        EventRepository events = ledger.repository();
        Event event = events.find("p", "e").orElseThrow();
        assertThat(event.acknowledgedAt())
                .hasValueSatisfying(at -> assertThat(at).isAfter("9999-12-31T23:59:59Z"));
        assertThat(event.urlPath()).isEqualTo("/é".repeat(9_000));
        assertThat(event.urlQueryParams()).isEqualTo("a=".repeat(9_000));
        assertThat(event.metadata()).isEqualTo("{".repeat(9_000));
        assertThat(events.page("p", EventFilter.ALL, PageRequest.first(10, EventOrder.ASCENDING))
                        .items())
                .containsExactly(event);
        assertOctetsAreCountedAlike();
        ExportRequest all = ExportRequest.builder("p", Instant.parse("9999-01-01T00:00:00Z"))
                .build();
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        events.export(all, sink);
        assertThat(sink.toString(StandardCharsets.UTF_8))
                .contains("\"metadata\":\"{{{", "\"acknowledged_at\":\"+1000000000-01-01T");
    }

    /** By SQL, which ends the rows of a page, and by Java, which finds out that they were ended. */
    private void assertOctetsAreCountedAlike() {
        String octets = LedgerSql.in(schema, ProjectScope.ALIVE).statements().text("event-octets", Map.of());
        List<String> bySql = Database.column("select e.id || ' ' || (" + octets + ") from " + s + ".events e");
        assertThat(bySql)
                .isNotEmpty()
                .containsExactlyInAnyOrderElementsOf(
                        ledger
                                .repository()
                                .page("p", EventFilter.ALL, PageRequest.first(100, EventOrder.ASCENDING))
                                .items()
                                .stream()
                                .map(event -> event.id() + " " + event.octets())
                                .toList());
    }

    private static String idOf(String headers) {
        return "e" + headers.hashCode();
    }

    @Test
    void rewritesNoTable() {
        PostgresUsage.install(Database.pool(), schema);
        String files = "select string_agg(relfilenode::text, ' ' order by relname) from pg_class"
                + " where relnamespace = ?::regnamespace and relname in ('events', 'event_deliveries', 'projects')";
        String before = Database.query(files, s);
        ledger.install();
        assertThat(Database.query(files, s)).isEqualTo(before);
    }

    @Test
    void printsTheScriptThatItInstalls() throws SQLException {
        ledger.install();
        List<String> columns = Database.column(COLUMNS, schema);
        List<String> indexes = indexes();
        Database.dropSchema(schema);
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute(ledger.ddl());
            statement.execute(ledger.ddl());
            connection.commit();
            connection.setAutoCommit(true);
        }
        assertThat(Database.column(COLUMNS, schema)).isNotEmpty().isEqualTo(columns);
        assertThat(indexes()).isNotEmpty().isEqualTo(indexes);
    }

    @Test
    void deletesTheEndpointsOfAnEventThatAHostDeletes() {
        ledger.install();
        ledger.repository().save(new Project("p", "o", ""));
        ledger.repository()
                .record(NewEvent.builder("p", "e")
                        .endpointIds(List.of("a", "b"))
                        .build());
        Database.execute("delete from " + s + ".events");
        assertThat(Database.query("select count(*) from " + s + ".events_endpoints"))
                .isEqualTo("0");
    }

    @Test
    void tokenisesTextsOfTheMostWords() {
        ledger.install();
        ledger.repository().save(new Project("p", "o", ""));
        String manyWords = IntStream.range(0, 200_000)
                .mapToObj(n -> new String(Character.toChars(0x4e00 + n % 20_000)) + n)
                .collect(Collectors.joining(" "));
        String shortWords = IntStream.range(0, 90_000)
                .mapToObj(n -> Integer.toString(n, 36))
                .collect(Collectors.joining(" "));
        List<String> texts = List.of(manyWords, shortWords, "x".repeat(3_000_000), "日".repeat(100_000), "end");
        for (int n = 0; n < texts.size(); n++) {
            ledger.repository()
                    .record(NewEvent.builder("p", "e" + n)
                            .payload(Payload.of(texts.get(n)))
                            .build());
        }
        assertThat(ledger.repository().tokenise("p", EventWindow.ALL)).isEqualTo(texts.size());
        assertThat(ledger.repository()
                        .count("p", EventFilter.builder().text("zz").build()))
                .isEqualTo(1);
    }

    @Test
    void wrapsTheDriversException() {
        assertThatThrownBy(() -> ledger.repository().find("p", "e"))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageStartingWith("the events can't be read: ")
                .hasCauseInstanceOf(SQLException.class);
        assertThatThrownBy(() -> ledger.repository().save(new Project("p", "o", "")))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageStartingWith("the project can't be saved: ");
    }

    @Test
    void failsWhenTheTimeoutPasses() throws SQLException {
        ledger.install();
        EventFilter all = EventFilter.ALL;
        PostgresLedger hasty = PostgresLedger.builder(Database.pool())
                .schema(schema)
                .timeout(Duration.ofMillis(300))
                .build();
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("lock table " + s + ".events in access exclusive mode");
            assertThatThrownBy(() -> hasty.repository().count("p", all))
                    .isInstanceOf(EventLedgerException.class)
                    .hasMessage("the events can't be read within PT0.3S");
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    @Test
    void checksBoundsBeforeItConnects() {
        PostgresLedger.Builder builder = PostgresLedger.builder(Database.pool());
        assertThatThrownBy(() -> builder.timeout(Duration.ofNanos(1)).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("timeout must be between PT0.001S and PT24H, but was PT0.000000001S");
        assertThatThrownBy(() -> PostgresLedger.of(Database.pool(), "x".repeat(64)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("schema must be an identifier of 1 to 63 bytes");
    }
}
