package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.SearchQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Buffers of pages with words. {@code -Dusagekit.plan.events=1000000} reads the same pages among many events, and prints their buffers. */
class LedgerWordPlanIT {

    private static final int DEFAULT = 20_000;
    private static final int EVENTS = Integer.getInteger("usagekit.plan.events", DEFAULT);
    private static final int PAGE = 20;

    /** A page, with the row that shows whether others follow. */
    private static final int MOST = 200 + 10 * (PAGE + 1);

    private static final String PROJECT = "project-1";
    private static final Instant FIRST = Instant.parse("2026-01-01T00:00:00Z");
    private static final Duration ALL = Duration.ofDays(90);

    /** Endpoints of a long list. */
    private static final int MANY = 3_000;

    private static String schema;
    private static EventRepository ledger;

    /** A tenth of the events are another project's, nearly each of which has a word that the first one lacks. */
    @BeforeAll
    static void fill() {
        schema = LedgerTables.install("words");
        String s = Identifiers.quote(schema);
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        Database.execute(
                "insert into " + s
                        + ".projects (id, organisation_id) select 'project-' || n, 'org-1' from generate_series(1, 2) n",
                "insert into " + s + ".events (id, project_id, event_type, raw, created_at)"
                        + " select 'event-' || n, 'project-' || (1 + (n % 10 = 0)::int), 'type-' || n % 17,"
                        + " 'event n' || n || ' word' || n % 500 || case when n % 2 = 0 then ' even' else ' odd' end"
                        + " || ' third' || n % 3 || ' many' || n % 37"
                        + " || case when n % 10 = 0 then ' elsewhere' else '' end"
                        + " || case when n % (" + EVENTS + " / 3) = 7 then ' rare' else '' end"
                        + " || case when n between " + EVENTS / 20 + " and " + EVENTS / 20 + " + " + EVENTS / 100
                        + " then ' burst' else '' end || ' ' || repeat(md5(n::text) || ' ', 8),"
                        + " timestamptz '" + FIRST + "' + n * interval '90 days' / " + EVENTS
                        + " from generate_series(0, " + (EVENTS - 1) + ") n");
        // Three events have a rare type, and three an endpoint that few have; all have another one.
        Database.execute(
                "update " + s + ".events set idempotency_key = 'key' where id in ('event-1', 'event-502')",
                "update " + s + ".events set event_type = 'rare' where id in ('event-1', 'event-501', 'event-777')",
                "insert into " + s + ".events_endpoints select id, 'all' from " + s + ".events where project_id = '"
                        + PROJECT + "'",
                "insert into " + s + ".events_endpoints select id, 'few' from " + s
                        + ".events where id in ('event-1', 'event-501', 'event-777')");
        ledger.tokenise(PROJECT, EventWindow.ALL);
        ledger.tokenise("project-2", EventWindow.ALL);
        Database.execute("vacuum (analyze) " + s + ".events", "analyze " + s + ".events_search");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private static Instant at(int percent) {
        return FIRST.plus(ALL.multipliedBy(percent).dividedBy(100));
    }

    private static Map<String, EventFilter> filters() {
        Map<String, EventFilter> filters = new LinkedHashMap<>();
        for (String text : List.of(
                "event",
                "even",
                "third1",
                "many5",
                "WORD77",
                "rare",
                "burst",
                "n77777777",
                "elsewhere",
                "even odd",
                "even third1 many5",
                "many5 burst")) {
            EventFilter.Builder filter = EventFilter.builder().text(text);
            filters.put(text, filter.build());
            filters.put(
                    text + ", any state", filter.state(EventFilter.State.ANY).build());
            filter = EventFilter.builder().text(text);
            filters.put(
                    text + ", since", filter.window(EventWindow.since(at(3))).build());
            filters.put(
                    text + ", before", filter.window(EventWindow.before(at(50))).build());
            filters.put(
                    text + ", an hour",
                    filter.window(EventWindow.between(at(50), at(50).plus(Duration.ofHours(1))))
                            .build());
            filters.put(
                    text + ", too early",
                    filter.window(EventWindow.before(FIRST)).build());
        }
        for (String search : List.of(
                "\"word76 EVEN\"",
                "\"third1 many5\"",
                "\"even many5\"",
                "\"n77 word77\" OR rare OR n777 OR absent",
                "word77 OR word78",
                "event -even",
                "many5 -third1",
                "even -event",
                "event -rare -\"odd third1\"")) {
            filters.put(search, EventFilter.builder().search(search).build());
        }
        filters.put(
                "event, a rare type",
                EventFilter.builder().text("event").type("rare").build());
        filters.put(
                "rare, a type",
                EventFilter.builder().text("rare").type("type-5").build());
        filters.put(
                "WORD77, a type",
                EventFilter.builder().text("WORD77").type("type-5").build());
        filters.put(
                "event, a key, to all",
                EventFilter.builder()
                        .text("event")
                        .idempotencyKey("key")
                        .endpointIds(List.of("all"))
                        .build());
        filters.put(
                "many5 to few of many",
                EventFilter.builder()
                        .text("many5")
                        .endpointIds(Stream.concat(
                                        Stream.of("few"),
                                        IntStream.range(0, MANY).mapToObj(n -> "none-" + n))
                                .toList())
                        .build());
        for (String text : List.of("event", "many5", "rare", "n77777777")) {
            for (String endpoint : List.of("all", "few", "none")) {
                filters.put(
                        text + " to " + endpoint,
                        EventFilter.builder()
                                .text(text)
                                .endpointIds(List.of(endpoint))
                                .build());
            }
        }
        return filters;
    }

    @Test
    void readsFewBuffersForEveryPage() throws SQLException {
        assertThat(tooMany(filters())).isEmpty();
    }

    /** What is known to cost more than others, among a million events. */
    private static int most(String name, EventFilter filter) {
        int words = filter.text()
                .or(() -> filter.search().map(SearchQuery::toString))
                .orElseThrow()
                .split(" ")
                .length;
        if (name.contains("even odd")) { // All entries of both are compared.
            return MOST + EVENTS / 1_000;
        } else if (name.equals("even -event")) { // All entries of all events.
            return MOST + EVENTS / 500;
        } else if (name.equals("\"even many5\"")) { // All events with both, in which they don't follow each other.
            return MOST + EVENTS / 74;
        } else if (name.contains("burst")) { // Looked for by stretches of all lengths.
            return MOST + 600;
        } else if (name.endsWith("of many")) {
            return MOST + 12 * PAGE + 4 * MANY;
        }
        // Of a page to endpoints, some events are looked up both ways.
        return MOST
                + 60 * (filter.search().isPresent() ? words : words - 1)
                + (filter.endpointIds().isPresent() ? 12 * PAGE : 0);
    }

    /** Beside the index of the previous version, and as if nothing had been analysed since the tables were empty. */
    @Test
    void readsFewBuffersWithoutStatistics() throws SQLException {
        String s = Identifiers.quote(schema);
        Database.execute("create index events_search_words_idx on " + s + ".events_search using gin (words)");
        for (String table : List.of("events", "events_search", "events_endpoints")) {
            Database.execute(
                    "delete from pg_statistic where starelid = '" + s + "." + table + "'::regclass",
                    "update pg_class set reltuples = -1, relpages = 0 where oid = '" + s + "." + table + "'::regclass");
        }
        Map<String, EventFilter> filters = filters();
        // The walk of a type needs statistics of events, as pages of types do.
        filters.keySet()
                .removeIf(name -> name.contains("any state") || name.contains("since") || name.contains("type"));
        assertThat(tooMany(filters)).isEmpty();
    }

    /** Pages in both orders, and those after them, that read more than {@link #MOST} buffers. */
    private static List<String> tooMany(Map<String, EventFilter> filters) throws SQLException {
        List<String> tooMany = new ArrayList<>();
        try (HikariDataSource one = Database.newPool(1);
                Connection connection = one.getConnection()) {
            connection.setAutoCommit(false);
            EventRepository pages = PostgresLedger.of(one, schema).repository(connection);
            filters.forEach((name, filter) -> {
                for (EventOrder order : EventOrder.values()) {
                    PageRequest request = PageRequest.first(PAGE, order);
                    for (String place : List.of("first", "second", "third")) {
                        long before = LedgerTables.buffers(connection, schema);
                        Page<Event> page = pages.page(PROJECT, filter, request);
                        long buffers = LedgerTables.buffers(connection, schema) - before;
                        String cost = name + ", " + order + ", " + place + ": " + buffers + " for "
                                + page.items().size();
                        if (EVENTS > DEFAULT) {
                            System.out.println(cost);
                        }
                        if (buffers > most(name, filter)) {
                            tooMany.add(cost);
                        }
                        if (page.next().isEmpty()) {
                            break;
                        }
                        request = request.at(page.next().get());
                    }
                }
            });
            connection.rollback();
        }
        return tooMany;
    }
}
