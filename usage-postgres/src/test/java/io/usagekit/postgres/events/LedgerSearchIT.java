package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.Bounds;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.InMemoryEventRepository;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What random queries find among texts of few words equals what the repository in memory finds. */
class LedgerSearchIT {

    private static final int EVENTS = 400;
    private static final int QUERIES = 250;
    private static final String PROJECT = "project";
    private static final Instant START = Instant.parse("2026-03-01T00:00:00Z");
    private static final List<String> WORDS = List.of("a", "b", "c", "A", "Bé", "日本", "4711", "or");
    private static final List<String> TYPES = List.of("", "a", "b-A", "日本", "“”");
    private static final List<String> SEPARATORS = List.of(" ", " ", "-", "\": \"", "\n", ", ");

    private static long seed;
    private static Random random;
    private static String schema;
    private static List<EventRepository> both;

    @BeforeAll
    static void record() {
        seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("LedgerSearchIT: -Dusagekit.seed=" + seed);
        random = new Random(seed);
        schema = LedgerTables.install("search");
        InstantSource clock = InstantSource.fixed(START);
        both = List.of(
                PostgresLedger.builder(Database.pool())
                        .schema(schema)
                        .clock(clock)
                        .build()
                        .repository(),
                InMemoryEventRepository.create(Duplicates.BILLED, clock));
        List<NewEvent> events = IntStream.range(0, EVENTS)
                .mapToObj(n -> NewEvent.builder(PROJECT, "e" + n)
                        .createdAt(START.minusSeconds(random.nextInt(100_000)))
                        .type(any(TYPES))
                        .payload(Payload.of(words(random.nextInt(9))))
                        .build())
                .toList();
        for (EventRepository ledger : both) {
            ledger.save(new Project(PROJECT, "org-1", ""));
            ledger.recordAll(events);
            ledger.tokenise(PROJECT, EventWindow.since(START.minusSeconds(95_000)));
        }
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private static <T> T any(List<T> values) {
        return values.get(random.nextInt(values.size()));
    }

    private static String words(int count) {
        return IntStream.range(0, count)
                .mapToObj(n -> any(WORDS) + any(SEPARATORS))
                .collect(Collectors.joining());
    }

    private static String term() {
        String term = random.nextBoolean() ? any(WORDS) : words(1 + random.nextInt(3));
        return '"' + term.replace('"', ' ') + '"';
    }

    private static String query() {
        List<String> terms = new ArrayList<>();
        for (int clauses = 1 + random.nextInt(3); clauses > 0; clauses--) {
            terms.add(Stream.generate(LedgerSearchIT::term)
                    .limit(1 + random.nextInt(3) / 2 * random.nextInt(3))
                    .collect(Collectors.joining(" OR ")));
        }
        for (int excluded = random.nextInt(3); excluded > 0; excluded--) {
            terms.add(random.nextInt(terms.size() + 1), "-" + term());
        }
        String query = String.join(" ", terms);
        return query.getBytes(StandardCharsets.UTF_8).length <= Bounds.MAX_OCTETS ? query : query();
    }

    @Test
    void findsWhatTheRepositoryInMemoryFinds() {
        int found = 0;
        for (int n = 0; n < QUERIES; n++) {
            EventFilter.Builder filter = EventFilter.builder().search(query());
            if (random.nextInt(6) == 0) {
                filter.text(words(random.nextInt(3)));
            }
            if (random.nextInt(4) == 0) {
                filter.type(any(TYPES));
            }
            List<List<String>> ids =
                    both.stream().map(ledger -> found(ledger, filter.build())).toList();
            assertThat(ids.get(0)).as("%s, seed %s", filter.build(), seed).isEqualTo(ids.get(1));
            found += ids.get(0).isEmpty() || ids.get(0).size() == EVENTS ? 0 : 1;
        }
        assertThat(found).as("queries that some events meet, seed %s", seed).isGreaterThan(QUERIES / 4);
    }

    private static List<String> found(EventRepository ledger, EventFilter filter) {
        List<String> ids =
                ledger.page(PROJECT, filter, PageRequest.first(EVENTS, EventOrder.ASCENDING)).items().stream()
                        .map(Event::id)
                        .toList();
        assertThat(ledger.count(PROJECT, filter))
                .as("the count of %s, seed %s", filter, seed)
                .isEqualTo(ids.size());
        return ids;
    }
}
