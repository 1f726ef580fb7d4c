package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.InMemoryEventRepository;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Pages with random words, windows and other conditions equal those of the repository in memory, on which the same was done. */
class LedgerWordPageOracleIT {

    private static final int EVENTS = 1_500;
    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");
    private static final int QUESTIONS = THOROUGH ? 120 : 30;
    /** The first second of blocks of 24 days and of all shorter ones. */
    private static final Instant START = Instant.parse("2026-03-22T14:43:12Z");

    private static final List<String> PROJECTS = List.of("project", "other");

    /** In one of so many events. */
    private static final int[] RARITIES = {1, 2, 3, 10, 40, 200, 700};

    private static long seed;
    private static Random random;
    private static String schema;
    private static final List<EventRepository> BOTH = new ArrayList<>();

    @BeforeAll
    static void record() {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("LedgerWordPageOracleIT: -Dusagekit.seed=" + seed);
        random = new Random(seed);
        schema = LedgerTables.install("word_pages");
        InstantSource clock = InstantSource.fixed(START.plus(Duration.ofDays(30)));
        BOTH.add(PostgresLedger.builder(Database.pool())
                .schema(schema)
                .clock(clock)
                .build()
                .repository());
        BOTH.add(InMemoryEventRepository.create(Duplicates.BILLED, clock));
        for (String project : PROJECTS) {
            both(ledger -> ledger.save(new Project(project, "org-1", "")));
            List<NewEvent> events = new ArrayList<>();
            for (int n = 0; n < EVENTS; n++) {
                events.add(event(project, n));
            }
            both(ledger -> ledger.recordAll(events));
        }
        for (String project : PROJECTS) {
            both(ledger -> ledger.tokenise(project, EventWindow.ALL));
            EventWindow deleted = window();
            both(ledger -> ledger.delete(project, deleted));
            EventWindow gone = EventWindow.between(START.minusSeconds(900), START.minusSeconds(random.nextInt(900)));
            both(ledger -> ledger.deleteForGood(project, gone));
            EventWindow forgotten = EventWindow.between(START.plusSeconds(90_000), START.plusSeconds(95_000));
            both(ledger -> ledger.deleteTokens(project, forgotten));
        }
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private static void both(Consumer<EventRepository> change) {
        BOTH.forEach(change);
    }

    private static NewEvent event(String project, int n) {
        StringBuilder words = new StringBuilder("Event");
        for (int rarity : RARITIES) {
            if (random.nextInt(rarity) == 0) {
                words.append(random.nextBoolean() ? ", " : "-")
                        .append("one-in-")
                        .append(rarity);
            }
        }
        Set<String> endpoints = new LinkedHashSet<>();
        endpoints.add("ep-" + random.nextInt(3));
        if (random.nextInt(50) == 0) {
            endpoints.add("ep-rare");
        }
        return NewEvent.builder(project, project + "-" + Long.toString(random.nextLong(), 36) + n)
                .createdAt(time())
                .type(random.nextInt(40) == 0 ? "rare" : "type-" + random.nextInt(2))
                .idempotencyKey(random.nextInt(9) == 0 ? "key-" + n / 60 : "")
                .payload(Payload.of(words.toString()))
                .endpointIds(endpoints)
                .build();
    }

    /** Many in one instant and in one second, some at the edges of blocks of all lengths, some before the first and after the last one. */
    private static Instant time() {
        return switch (random.nextInt(8)) {
            case 0 -> START;
            case 1 -> START.plusNanos(random.nextInt(1_000_000) * 1_000L);
            case 2 -> START.plusSeconds(random.nextInt(1_000) - 500);
            case 3 -> {
                long block = 1L << (3 * random.nextInt(8));
                long edge = START.getEpochSecond() / block * block;
                yield Instant.ofEpochSecond(edge - random.nextInt(2)).plusNanos(random.nextInt(2) * 999_999_000L);
            }
            case 4 -> START.plusSeconds(random.nextInt(30) * 86_400L);
            case 5 -> START.plusMillis(random.nextInt(1_000_000_000));
            case 6 -> START.minusSeconds(random.nextInt(700_000_000));
            default ->
                random.nextInt(20) > 0
                        ? START.plusSeconds(random.nextInt(100_000))
                        : Instant.ofEpochSecond(random.nextBoolean() ? -1_000_000_000L : 10_000_000_000L)
                                .plusSeconds(random.nextInt(3));
        };
    }

    private static EventWindow window() {
        if (random.nextInt(3) == 0) {
            // Ends within the second that has the most events.
            return EventWindow.between(
                    START.minusSeconds(1 + random.nextInt(1_000)), START.plusMillis(1 + random.nextInt(999)));
        }
        Instant one = time();
        Instant other = random.nextBoolean() ? time() : one.plusSeconds(1 + random.nextInt(100_000));
        return one.equals(other)
                ? EventWindow.since(one)
                : one.isBefore(other) ? EventWindow.between(one, other) : EventWindow.between(other, one);
    }

    private static EventFilter filter() {
        StringBuilder text = new StringBuilder();
        for (int words = 1 + random.nextInt(3); words > 0; words--) {
            text.append(" One-IN-").append(RARITIES[random.nextInt(RARITIES.length)]);
        }
        EventFilter.Builder filter = EventFilter.builder()
                .text(random.nextInt(20) == 0 ? "absent" : random.nextInt(10) == 0 ? "EVENT" : text.toString());
        if (random.nextInt(3) == 0) {
            filter.window(window());
        }
        if (random.nextInt(4) == 0) {
            filter.state(EventFilter.State.ANY);
        }
        if (random.nextInt(4) == 0) {
            filter.type(random.nextBoolean() ? "rare" : "type-1");
        }
        if (random.nextInt(6) == 0) {
            filter.idempotencyKey("key-" + random.nextInt(EVENTS / 60));
        }
        switch (random.nextInt(5)) {
            case 0 -> filter.endpointIds(List.of("ep-rare", "ep-none"));
            case 1 -> filter.endpointIds(List.of("ep-0", "ep-1"));
            default -> {}
        }
        return filter.build();
    }

    @Test
    void equalThoseInMemory() {
        int[] rows = {0};
        for (int question = 0; question < QUESTIONS; question++) {
            String project = PROJECTS.get(random.nextInt(PROJECTS.size()));
            EventFilter filter = filter();
            PageRequest first = PageRequest.first(
                    random.nextInt(3) == 0 ? 1 + random.nextInt(4) : 5 + random.nextInt(200),
                    random.nextBoolean() ? EventOrder.ASCENDING : EventOrder.DESCENDING);
            String asked = filter + " " + first + ", seed " + seed;
            List<List<List<String>>> pages = BOTH.stream()
                    .map(ledger -> pages(ledger, project, filter, first))
                    .toList();
            assertThat(pages.get(0)).as(asked).isEqualTo(pages.get(1));
            assertThat(BOTH.get(0).count(project, filter))
                    .as(asked)
                    .isEqualTo(BOTH.get(1).count(project, filter));
            pages.get(1).forEach(page -> rows[0] += page.size());
        }
        assertThat(rows[0]).as("rows compared, seed %s", seed).isGreaterThan(THOROUGH ? 1_000 : 0);
    }

    /** The last event is the first one of a block of 24 days, before which a stretch ends. */
    @Test
    void haveTheLastEvent() {
        EventRepository ledger = BOTH.get(0);
        ledger.save(new Project("last", "org-1", ""));
        for (int n = 0; n < 10; n++) {
            ledger.record(NewEvent.builder("last", "before-" + n)
                    .createdAt(START.minus(Duration.ofDays(100)).plus(Duration.ofHours(n)))
                    .build());
        }
        ledger.record(NewEvent.builder("last", "last")
                .createdAt(START)
                .payload(Payload.of("word"))
                .build());
        ledger.tokenise("last", EventWindow.ALL);
        EventFilter word = EventFilter.builder().text("word").build();
        for (EventOrder order : EventOrder.values()) {
            assertThat(ids(ledger.page("last", word, PageRequest.first(10, order))))
                    .containsExactly("last");
        }
    }

    /** The first pages, and the same on the way back. */
    private static List<List<String>> pages(
            EventRepository ledger, String project, EventFilter filter, PageRequest first) {
        List<List<String>> pages = new ArrayList<>();
        Page<Event> page = ledger.page(project, filter, first);
        pages.add(ids(page));
        for (int n = 0; n < 8 && page.hasNext(); n++) {
            page = ledger.page(project, filter, first.at(page.next().orElseThrow()));
            pages.add(ids(page));
        }
        pages.add(List.of("back"));
        while (page.hasPrevious()) {
            page = ledger.page(project, filter, first.at(page.previous().orElseThrow()));
            pages.add(ids(page));
        }
        return pages;
    }

    private static List<String> ids(Page<Event> page) {
        return page.items().stream().map(Event::id).toList();
    }
}
