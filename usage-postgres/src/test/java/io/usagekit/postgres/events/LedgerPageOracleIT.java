package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlSignature;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.SqlType;
import io.usagekit.postgres.internal.paging.KeysetScan;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OneConnection;
import io.usagekit.postgres.testing.StatementHook;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages equal the result of sorting and filtering in Java, for every two conditions; flaws in the statement make a test fail. */
class LedgerPageOracleIT {

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");
    private static final int EVENTS = 400;
    private static final int[] SIZES = {1, 2, 3, 7, 20, 100, 999, 1_000};

    private static String schema;
    private static EventRepository ledger;
    private static RandomEvents events;
    private static Random random;
    private static long seed;

    @BeforeAll
    static void record() {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("LedgerPageOracleIT: -Dusagekit.seed=" + seed);
        random = new Random(seed);
        schema = LedgerTables.install("pages");
        ledger = PostgresLedger.of(Database.pool(), schema).repository();
        events = new RandomEvents(random);
        events.record(ledger, schema, EVENTS);
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private interface Question {
        void ask(List<RandomEvents.Condition> conditions, EventOrder order) throws SQLException;
    }

    /** Asks of half of the pairs in {@code -Pthorough}, or of a sixth, chosen at random. */
    private static void everyTwoConditions(Question question) throws SQLException {
        for (RandomEvents.Condition one : RandomEvents.CONDITIONS) {
            for (RandomEvents.Condition other : RandomEvents.CONDITIONS) {
                for (EventOrder order : EventOrder.values()) {
                    if (one.by().compareTo(other.by()) < 0 && random.nextInt(THOROUGH ? 2 : 6) == 0) {
                        question.ask(List.of(one, other), order);
                    }
                }
            }
        }
    }

    @Test
    void equalTheOracleForwardAndBackward() throws SQLException {
        int[] rows = {0};
        everyTwoConditions((conditions, order) -> {
            List<String> expected = events.meeting(conditions, order);
            rows[0] += expected.size();
            // Of the sizes that don't make for more pages than anybody has time for.
            int[] sizes = Arrays.stream(SIZES)
                    .filter(size -> expected.size() / size <= 25)
                    .toArray();
            int size = sizes[random.nextInt(sizes.length)];
            String question = conditions + " " + order + " by " + size + ", seed " + seed;
            assertThat(ledger.count(RandomEvents.PROJECT, RandomEvents.filter(conditions)))
                    .as("count of %s", question)
                    .isEqualTo(expected.size());
            assertThat(walk(RandomEvents.filter(conditions), PageRequest.first(size, order), ledger::page))
                    .as(question)
                    .isEqualTo(expected);
        });
        assertThat(rows[0]).as("rows compared, seed %s", seed).isGreaterThan(THOROUGH ? 1_000 : 0);
    }

    /** Reads a page. */
    private interface Source {
        Page<Event> page(String project, EventFilter filter, PageRequest request);
    }

    /** Returns all ids, forward; each page is the same on the way back. */
    private static List<String> walk(EventFilter filter, PageRequest first, Source source) {
        List<List<String>> pages = new ArrayList<>();
        Page<Event> page = source.page(RandomEvents.PROJECT, filter, first);
        pages.add(ids(page));
        while (page.hasNext()) {
            page = source.page(
                    RandomEvents.PROJECT, filter, first.at(page.next().orElseThrow()));
            assertThat(page.items()).as("there is a next page").isNotEmpty();
            pages.add(ids(page));
            assertThat(pages.size()).as("pages").isLessThanOrEqualTo(EVENTS / first.size() + 1);
        }
        for (int n = pages.size() - 2; n >= 0; n--) {
            assertThat(page.hasPrevious()).as("there is a previous page").isTrue();
            page = source.page(
                    RandomEvents.PROJECT, filter, first.at(page.previous().orElseThrow()));
            assertThat(ids(page)).as("page %s on the way back", n).isEqualTo(pages.get(n));
        }
        assertThat(page.hasPrevious()).as("before the first page").isFalse();
        return pages.stream().flatMap(List::stream).toList();
    }

    private static List<String> ids(Page<Event> page) {
        return page.items().stream().map(Event::id).toList();
    }

    @Test
    void neitherRepeatNorSkipARowWhileOthersAreRecorded() throws Exception {
        AtomicBoolean done = new AtomicBoolean();
        Random writers = new Random(seed);
        RandomEvents late = new RandomEvents(writers);
        Thread writer = new Thread(() -> {
            for (int n = 0; n < 5_000 && !done.get(); n++) {
                ledger.record(late.next(RandomEvents.PROJECT, "late-"));
            }
        });
        writer.start();
        int[] seenLate = {0};
        try {
            everyTwoConditions((conditions, order) -> {
                PageRequest request = PageRequest.first(5 + random.nextInt(200), order);
                EventFilter filter = RandomEvents.filter(conditions);
                List<String> seen = new ArrayList<>();
                Page<Event> page = ledger.page(RandomEvents.PROJECT, filter, request);
                seen.addAll(ids(page));
                while (page.hasNext()) {
                    page = ledger.page(
                            RandomEvents.PROJECT, filter, request.at(page.next().orElseThrow()));
                    seen.addAll(ids(page));
                }
                assertThat(seen).as("%s %s, seed %s", conditions, order, seed).doesNotHaveDuplicates();
                assertThat(seen.stream().filter(id -> !id.startsWith("late-")))
                        .as("%s %s, seed %s", conditions, order, seed)
                        .isEqualTo(events.meeting(conditions, order));
                seenLate[0] += seen.stream().anyMatch(id -> id.startsWith("late-")) ? 1 : 0;
            });
        } finally {
            done.set(true);
            writer.join();
            Database.execute("delete from " + Identifiers.qualified(schema, "events") + " where id like 'late-%'");
        }
        assertThat(seenLate[0]).as("passes with rows recorded meanwhile").isPositive();
    }

    /** Rows that a host's SQL has inserted. Not before 1582: the driver reads such times by the Julian calendar where it receives them in binary. */
    @ParameterizedTest
    @EnumSource(EventOrder.class)
    void haveEventsOfInfinityAndOfLongYears(EventOrder order) {
        String project = "times " + order;
        List<String> times =
                new ArrayList<>(List.of("-infinity", "2026-03-01", "10000-01-01", "200000-01-01", "infinity"));
        ledger.save(new Project(project, "org-1", ""));
        for (String time : times) {
            String id = Identifiers.literal(time + " " + order);
            Database.execute(
                    "insert into " + Identifiers.qualified(schema, "events") + " (id, project_id, created_at) values ("
                            + id + ", '" + project + "', '" + time + "')",
                    "insert into " + Identifiers.qualified(schema, "events_endpoints")
                            + " (event_id, endpoint_id) values (" + id + ", 'of " + project + "')");
        }
        if (order == EventOrder.DESCENDING) {
            Collections.reverse(times);
        }
        List<String> expected = times.stream().map(time -> time + " " + order).toList();
        EventFilter ofEndpoint =
                EventFilter.builder().endpointIds(List.of("of " + project)).build();
        for (EventFilter filter : List.of(EventFilter.ALL, ofEndpoint)) {
            for (int size : List.of(1, 3, 20)) {
                assertThat(walk(
                                filter,
                                PageRequest.first(size, order),
                                (any, of, request) -> ledger.page(project, of, request)))
                        .as("%s by %d", filter, size)
                        .isEqualTo(expected);
            }
        }
    }

    /** A table that is emptied or rewritten between the snapshot and the statement that reads it would be empty. */
    @Test
    void lockTheirTablesBeforeTheSnapshot() throws SQLException {
        EventFilter filter = EventFilter.builder()
                .ownerId("owner-1")
                .endpointIds(List.of("ep-1"))
                .text("word")
                .build();
        List<String> unlocked = new ArrayList<>();
        try (Connection connection = Database.pool().getConnection()) {
            Connection watched = StatementHook.before(1, connection, () -> {
                for (String table : List.of("events", "events_endpoints", "endpoints", "events_search")) {
                    try {
                        Database.execute("do $$ begin lock table " + Identifiers.qualified(schema, table)
                                + " in access exclusive mode nowait; end $$");
                        unlocked.add(table);
                    } catch (AssertionError e) {
                        assertThat(e).hasMessageContaining("could not obtain lock");
                    }
                }
            });
            PostgresLedger.of(new OneConnection(watched), schema)
                    .repository()
                    .page(RandomEvents.PROJECT, filter, PageRequest.first(1, EventOrder.ASCENDING));
        }
        assertThat(unlocked).as("tables that aren't locked").isEmpty();
    }

    /** Each of a page's statements is fast enough, and all of them together aren't. */
    @Test
    void endWithTheTimeoutOfTheCall() throws SQLException {
        PageRequest first = PageRequest.first(1, EventOrder.ASCENDING);
        EventFilter filter = EventFilter.builder().endpointIds(List.of("ep-1")).build();
        PageRequest second =
                first.at(ledger.page(RandomEvents.PROJECT, filter, first).next().orElseThrow());
        try (Connection connection = Database.pool().getConnection()) {
            Connection slow = StatementHook.beforeEach(connection, n -> Database.execute("select pg_sleep(0.4)"));
            EventRepository limited = PostgresLedger.builder(new OneConnection(slow))
                    .schema(schema)
                    .timeout(Duration.ofSeconds(1))
                    .build()
                    .repository();
            assertThatThrownBy(() -> limited.page(RandomEvents.PROJECT, filter, second))
                    .hasMessage("the events can't be read within PT1S");
        }
    }

    /** The negative controls: each of these flaws makes some page of these rows wrong. */
    @Tag("thorough")
    @ParameterizedTest(name = "{0} for {1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "created_at < :boundary_at and :boundary_id::text is not null | (created_at, id collate \"C\") < (:boundary_at, :boundary_id)",
                "(created_at, id collate \"C\") <= (:boundary_at, :boundary_id) | (created_at, id collate \"C\") < (:boundary_at, :boundary_id)",
                "(created_at, id collate \"unicode\") < | (created_at, id collate \"C\") <",
                "order by e.created_at desc limit | order by e.created_at desc, e.id collate \"C\" desc limit",
                "order by e.id collate \"C\" desc, e.created_at desc limit | order by e.created_at desc, e.id collate \"C\" desc limit",
                "and true | and e.deleted_at is null",
                "e.project_id <> '' or e.project_id = :project_id | e.project_id = :project_id",
            })
    void catchesAChangedStatement(String flaw, String right) throws SQLException {
        EventPager pager = EventPager.create();
        int[] wrong = {0};
        int[] flawed = {0};
        try (Connection connection = Database.pool().getConnection()) {
            Source source = (project, filter, request) -> pager.events(project, filter, request)
                    .read(scan -> {
                        String text = text(filter, scan);
                        flawed[0] += text.contains(right) ? 1 : 0;
                        return read(connection, text.replace(right, flaw), filter, scan);
                    });
            for (RandomEvents.Condition one : RandomEvents.CONDITIONS) {
                try {
                    List<RandomEvents.Condition> conditions = List.of(one);
                    List<String> walked =
                            walk(RandomEvents.filter(conditions), PageRequest.first(50, EventOrder.DESCENDING), source);
                    wrong[0] += walked.equals(events.meeting(conditions, EventOrder.DESCENDING)) ? 0 : 1;
                } catch (AssertionError e) {
                    wrong[0]++;
                }
            }
        }
        assertThat(flawed[0]).as("statements with the flaw").isPositive();
        assertThat(wrong[0])
                .as("passes that are wrong because of the flaw, seed %s", seed)
                .isPositive();
    }

    private static String text(EventFilter filter, Scan scan) {
        Map<String, String> fragments = new HashMap<>(LedgerFilter.of(filter).fragments(LedgerStatement.PAGE_EVENTS));
        fragments.putAll(KeysetScan.fragments(scan));
        return LedgerSql.in(schema, ProjectScope.ALIVE)
                .statements()
                .text(LedgerStatement.PAGE_EVENTS.sqlName(), fragments)
                .replaceAll("\\s+", " ");
    }

    private static List<Event> read(Connection connection, String text, EventFilter filter, Scan scan) {
        LedgerFilter conditions = LedgerFilter.of(filter);
        Map<String, SqlType> parameters = new LinkedHashMap<>(LedgerStatement.PAGE_EVENTS.parameters());
        parameters.putAll(conditions.parameters());
        parameters.putAll(KeysetScan.parameters(scan));
        SqlCall call = SqlCall.of(
                connection,
                SqlTemplate.of(text, LedgerSql.names(schema, ProjectScope.ALIVE)),
                new SqlSignature(parameters, LedgerStatement.PAGE_EVENTS.columns()));
        try {
            return KeysetScan.bindTo(conditions.bindTo(call), scan)
                    .text("project_id", RandomEvents.PROJECT)
                    .number("octets", PageRequest.MAX_OCTETS)
                    .list(EventRows::event);
        } catch (SQLException e) {
            throw new AssertionError(text, e);
        }
    }
}
