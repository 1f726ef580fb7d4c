package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementHook;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Buffers of pages, wherever they are, and exports that are resumed. {@code -Dusagekit.plan.events=1000000} checks the same over many events;
 * {@code verification/benchmarks} measures time.
 */
class LedgerPagePlanIT {

    private static final int EVENTS = Integer.getInteger("usagekit.plan.events", 20_000);
    private static final int PAGE = 20;

    private static final int DELETED = EVENTS / 4;

    /** Page 10,000 of a million; as deep among fewer. */
    private static final int DEPTH = EVENTS / 100 * PAGE;

    private static final String PROJECT = "project-1";
    private static final Instant BEFORE = Instant.parse("2026-04-01T00:00:00Z");
    private static final EventWindow WINDOW =
            EventWindow.between(Instant.parse("2026-01-02T00:00:00Z"), Instant.parse("2026-03-31T00:00:00Z"));

    @TempDir
    private Path directory = Path.of("");

    private static String schema;
    private static EventRepository ledger;

    @BeforeAll
    static void fill() {
        schema = LedgerTables.install("plan");
        String s = Identifiers.quote(schema);
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        Database.execute(
                "insert into " + s
                        + ".projects (id, organisation_id) select 'project-' || n, 'org-1' from generate_series(1, 2) n",
                "insert into " + s
                        + ".endpoints (id, project_id, owner_id) select 'endpoint-' || n, 'project-1', 'owner-' || n % 100"
                        + " from generate_series(0, 999) n",
                "insert into " + s
                        + ".events (id, project_id, event_type, status, source_id, idempotency_key, headers, raw, created_at)"
                        + " select 'event-' || n, 'project-' || (1 + (n % 10 = 0)::int), 'type-' || n % 17, 'status-' || n % 5,"
                        + " 'source-' || n % 50, case when n % 2 = 0 then 'key-' || n / 3 else '' end,"
                        + " case n % 6 when 0 then jsonb_build_object('x-broker-message-id', 'm-' || n / 4)"
                        + " when 3 then jsonb_build_object('x-broker-message-id', array['m-' || n / 4]) else '{}' end,"
                        + " 'event ' || n || ' word' || n % 500 || ' ' || repeat(md5(n::text), 16),"
                        + " timestamptz '2026-01-01Z' + n * interval '90 days' / " + EVENTS
                        + " from generate_series(0, " + (EVENTS - 1) + ") n",
                "insert into " + s
                        + ".events_endpoints select id, 'endpoint-' || (n * 7 + e * 331) % 1000 from (select id,"
                        + " substr(id, 7)::int as n from " + s
                        + ".events) x, generate_series(0, 1) e on conflict do nothing");
        // One endpoint has all events of the project, whose first two are of a rare type; all of another one's are
        // deleted but the first.
        Database.execute(
                "update " + s + ".events set event_type = 'rare' where id in ('event-1', 'event-2')",
                "insert into " + s + ".events_endpoints select id, 'busy' from " + s
                        + ".events where project_id = 'project-1'",
                "insert into " + s
                        + ".events (id, project_id, created_at, deleted_at) select 'deleted-' || n, 'project-1',"
                        + " timestamptz '2025-01-01Z' + n * interval '1 minute', case when n > 0 then now() end"
                        + " from generate_series(0, " + DELETED + ") n",
                "insert into " + s + ".events_endpoints select 'deleted-' || n, 'deleted' from generate_series(0, "
                        + DELETED + ") n");
        ledger.tokenise(PROJECT, EventWindow.ALL);
        ledger.delete("project-2", EventWindow.since(Instant.parse("2026-01-10T00:00:00Z")));
        for (String table : List.of("events", "events_endpoints", "endpoints", "events_search")) {
            Database.execute("vacuum (analyze) " + s + "." + table);
        }
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    // Pages

    private static Map<String, EventFilter> filters() {
        Map<String, EventFilter> filters = new LinkedHashMap<>();
        filters.put("none", EventFilter.ALL);
        filters.put("window", EventFilter.builder().window(WINDOW).build());
        filters.put(
                "source", EventFilter.builder().sourceIds(List.of("source-7")).build());
        filters.put(
                "sources",
                EventFilter.builder().sourceIds(List.of("source-7", "source-8")).build());
        filters.put(
                "key",
                EventFilter.builder().idempotencyKey("key-" + (EVENTS / 6 + 1)).build());
        filters.put("no key", EventFilter.builder().idempotencyKey("").build());
        filters.put(
                "message",
                EventFilter.builder().brokerMessageId("m-" + EVENTS / 8).build());
        filters.put("type", EventFilter.builder().type("type-7").build());
        filters.put("status", EventFilter.builder().status("status-3").build());
        filters.put(
                "type and status",
                EventFilter.builder().type("type-7").status("status-3").build());
        return filters;
    }

    @Test
    void readsAsManyBuffersForEveryPage() throws SQLException {
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            connection.createStatement().execute("set plan_cache_mode = force_custom_plan; set jit = off");
            List<String> wrong = new ArrayList<>();
            for (Map.Entry<String, EventFilter> filter : filters().entrySet()) {
                LedgerFilter conditions = LedgerFilter.of(filter.getValue());
                Read read = scan -> call(connection, conditions, scan);
                long all = ledger.count(PROJECT, filter.getValue());
                EventOrder order = EventOrder.DESCENDING;
                Cost first = cost(read, order, Optional.empty());
                Cost deep = cost(read, order, at(read, order, Math.min(DEPTH, all / 2)));
                if (deep.buffers() > 1.5 * first.buffers() + PAGE || deep.scansAll() || first.scansAll()) {
                    wrong.add(filter.getKey() + ": " + first + ", " + deep);
                }
            }
            connection.rollback();
            assertThat(wrong)
                    .as("pages that cost more than half as much again, or read a whole table")
                    .isEmpty();
        }
    }

    /** Filters of endpoints, and how many ids and rejected events there are at most. */
    private static Map<EventFilter, Integer> filtersOfEndpoints() {
        Map<EventFilter, Integer> filters = new LinkedHashMap<>();
        filters.put(endpoint("busy").idempotencyKey("key-" + (EVENTS / 6 + 1)).build(), 1);
        filters.put(endpoint("busy").brokerMessageId("m-" + EVENTS / 8).build(), 1);
        filters.put(endpoint("busy").text("word77 " + 77).build(), 1);
        filters.put(endpoint("busy").type("rare").build(), EVENTS);
        filters.put(endpoint("deleted").build(), DELETED);
        filters.put(endpoints(7, 8).build(), 1);
        filters.put(endpoints(-1, 0).build(), 1);
        filters.put(endpoints(0, 30).build(), 30);
        filters.put(endpoints(0, 300).build(), 300);
        filters.put(endpoints(0, 1_000).build(), 1_000);
        filters.put(endpoints(-10_000, 0).build(), 10_000);
        filters.put(endpoints(-9_990, 10).build(), 10_000);
        filters.put(EventFilter.builder().ownerId("owner-7").build(), 10);
        filters.put(EventFilter.builder().ownerId("none").build(), 0);
        return filters;
    }

    private static EventFilter.Builder endpoint(String id) {
        return EventFilter.builder().endpointIds(List.of(id));
    }

    /** Those from -1 down aren't there. */
    private static EventFilter.Builder endpoints(int from, int before) {
        return EventFilter.builder()
                .endpointIds(IntStream.range(from, before)
                        .mapToObj(n -> "endpoint-" + n)
                        .toList());
    }

    @Test
    void readsFewBuffersForPagesOfEndpoints() throws SQLException {
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            connection.createStatement().execute("set plan_cache_mode = force_custom_plan; set jit = off");
            AtomicInteger statements = new AtomicInteger();
            EventRepository pages =
                    PostgresLedger.of(one, schema).repository(StatementHook.beforeEach(connection, statements::set));
            Map<String, String> tooMany = new LinkedHashMap<>();
            filtersOfEndpoints().forEach((filter, ids) -> {
                PageRequest request = PageRequest.first(PAGE, EventOrder.DESCENDING);
                long most = 200 + 10 * (PAGE + 1) + 4L * ids;
                double mostStatements = 8 + 2 * Math.log(1 + ids) / Math.log(2);
                for (String name : List.of("first", "second")) {
                    long before = LedgerTables.buffers(connection, schema);
                    int statementsBefore = statements.get();
                    Page<Event> page = pages.page(PROJECT, filter, request);
                    long buffers = LedgerTables.buffers(connection, schema) - before;
                    int run = statements.get() - statementsBefore;
                    if (buffers > most || run > mostStatements) {
                        tooMany.put("the " + name + " page of " + filter, buffers + " by " + run + " statements");
                    }
                    request = page.next().map(request::at).orElse(request);
                }
            });
            connection.rollback();
            assertThat(tooMany).isEmpty();
        }
    }

    /** The latest nine tenths of the project's events are deleted: 1,800 rows on 225 blocks. */
    @Test
    void readsNoDeletedEventsForAPageOfLiveOnes() throws SQLException {
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            EventRepository pages = PostgresLedger.of(one, schema).repository(connection);
            long before = LedgerTables.buffers(connection, schema);
            Page<Event> page = pages.page("project-2", EventFilter.ALL, PageRequest.first(PAGE, EventOrder.DESCENDING));
            assertThat(LedgerTables.buffers(connection, schema) - before).isLessThanOrEqualTo(3 * PAGE);
            assertThat(page.items()).hasSize(PAGE);
            connection.rollback();
        }
    }

    @Test
    void entersTheIndexAtThePageBoundary() throws SQLException {
        EventFilter window = EventFilter.builder().window(WINDOW).build();
        UsageKey quarter = new UsageKey("org-1", UsagePeriod.between(Instant.parse("2026-01-01T00:00:00Z"), BEFORE));
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            connection.createStatement().execute("set plan_cache_mode = force_custom_plan; set jit = off");
            Map<String, Read> reads = Map.of(
                    "a filter's window",
                    scan -> call(connection, LedgerFilter.of(window), scan),
                    "a figure's period",
                    scan -> LedgerSql.in(schema, ProjectScope.ALIVE)
                            .figure(connection, LedgerStatement.PAGE_RECEIVED, quarter, scan)
                            .number("octets", Long.MAX_VALUE));
            List<String> wrong = new ArrayList<>();
            for (Map.Entry<String, Read> read : reads.entrySet()) {
                for (EventOrder order : EventOrder.values()) {
                    Cost first = cost(read.getValue(), order, Optional.empty());
                    Cost deep = cost(read.getValue(), order, at(read.getValue(), order, DEPTH));
                    if (deep.buffers() > 1.5 * first.buffers() + PAGE) {
                        wrong.add(read.getKey() + " " + order + ": " + first + ", " + deep);
                    }
                }
            }
            connection.rollback();
            assertThat(wrong).isEmpty();
        }
    }

    private record Cost(long buffers, List<String> indexes, boolean scansAll) {}

    private interface Read {
        SqlCall of(Scan scan);
    }

    /** Position of a row in scan order; empty if there is none. */
    private static Optional<Scan.Position> at(Read read, EventOrder order, long offset) throws SQLException {
        Optional<Scan.Position> at = Optional.empty();
        Scan scan = new Scan(order, Optional.empty(), (int) Math.max(1, offset));
        try (PreparedStatement statement = read.of(scan).prepare("");
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                at = Optional.of(new Scan.Position(
                        row.getObject("created_at", OffsetDateTime.class).toInstant(), row.getString("id")));
            }
        }
        return at;
    }

    private static SqlCall call(Connection connection, LedgerFilter filter, Scan scan) {
        return LedgerSql.in(schema, ProjectScope.ALIVE)
                .call(connection, LedgerStatement.PAGE_EVENTS, filter, scan)
                .text("project_id", PROJECT)
                .number("octets", Long.MAX_VALUE);
    }

    private static Cost cost(Read read, EventOrder order, Optional<Scan.Position> beyond) throws SQLException {
        Scan scan = new Scan(order, beyond, PAGE + 1);
        try (PreparedStatement statement = read.of(scan).prepare("explain (analyze, buffers, format json) ");
                ResultSet row = statement.executeQuery()) {
            row.next();
            JsonNode plan = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
            List<String> indexes = plan.findValuesAsText("Index Name").stream()
                    .map(name -> name.replaceAll("_usage_.*", ""))
                    .distinct()
                    .toList();
            boolean scansAll = plan.findParents("Relation Name").stream()
                    .anyMatch(node -> node.path("Node Type").asText().equals("Seq Scan")
                            && List.of("events", "events_endpoints", "events_search")
                                    .contains(node.path("Relation Name").asText()));
            return new Cost(
                    plan.path("Shared Hit Blocks").asLong()
                            + plan.path("Shared Read Blocks").asLong(),
                    indexes,
                    scansAll);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    // Export

    private static ExportRequest.Builder export() {
        return ExportRequest.builder(PROJECT, BEFORE)
                .format(ExportRequest.Format.NDJSON)
                .compression(ExportRequest.Compression.GZIP);
    }

    @Test
    void exportsTheSameWhenResumedInTheMiddle() throws IOException {
        Path whole = directory.resolve("whole");
        try (OutputStream sink = Files.newOutputStream(whole)) {
            ledger.export(export().build(), sink);
        }
        Path part = directory.resolve("part");
        IllegalStateException middle = new IllegalStateException("the middle");
        long half = ledger.countMessages(PROJECT) / 2;
        String[] cursor = {""};
        long[] octets = {0};
        try (OutputStream sink = Files.newOutputStream(part)) {
            ledger.export(
                    export().listener(progress -> {
                                cursor[0] = progress.cursor().orElseThrow();
                                octets[0] = progress.octets();
                                if (progress.events() >= half) {
                                    throw middle;
                                }
                            })
                            .build(),
                    sink);
        } catch (IllegalStateException e) {
            assertThat(e).isSameAs(middle);
        }
        try (FileChannel cut = FileChannel.open(part, StandardOpenOption.WRITE)) {
            cut.truncate(octets[0]);
        }
        assertThat(Files.size(part)).isBetween(1L, Files.size(whole) - 1);
        try (OutputStream sink = Files.newOutputStream(part, StandardOpenOption.APPEND)) {
            ledger.export(export().resume(cursor[0]).build(), sink);
        }
        assertThat(Files.mismatch(whole, part)).as("where they differ").isEqualTo(-1);
    }
}
