package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The search index of a ledger that a previous version installed. */
class SearchInstallIT {

    private final String schema = Database.newSchema("search");
    private final String s = Identifiers.quote(schema);
    private final PostgresLedger ledger = PostgresLedger.of(Database.pool(), schema);
    private final EventRepository events = ledger.repository();

    /** 200 events, of which the tenth was moved by a day after it was tokenised. */
    @BeforeEach
    void recordByPreviousVersion() {
        ledger.install();
        events.save(new Project("p", "o", ""));
        events.recordAll(IntStream.range(0, 200)
                .mapToObj(n -> NewEvent.builder("p", "e" + n)
                        .createdAt(Instant.EPOCH.plus(Duration.ofHours(n)))
                        .payload(Payload.of("word tens" + n % 10))
                        .build())
                .toList());
        events.tokenise("p", EventWindow.ALL);
        Database.execute(
                "drop trigger usagekit_delete_words on " + s + ".events",
                "drop trigger usagekit_change_words on " + s + ".events",
                "drop trigger usagekit_truncate_words on " + s + ".events",
                "drop trigger usagekit_merge_words on " + s + ".events_search",
                "drop index " + s + "." + Identifiers.quote(index()),
                "create index events_search_words_idx on " + s + ".events_search using gin (words)",
                "update " + s + ".events set created_at = created_at + interval '1 day' where id = 'e10'");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private String index() {
        return Database.query(
                "select indexname from pg_indexes where schemaname = ? and indexdef like '%hashtextextended%'", schema);
    }

    private List<String> found(String text) {
        return events
                .page("p", EventFilter.builder().text(text).build(), PageRequest.first(1_000, EventOrder.ASCENDING))
                .items()
                .stream()
                .map(Event::id)
                .toList();
    }

    @Test
    void isUsedWhileItsIndexIsThePreviousOne() {
        assertThat(found("word tens3"))
                .containsExactlyElementsOf(
                        IntStream.range(0, 20).mapToObj(n -> "e" + (10 * n + 3)).toList());
        assertThat(found("word")).hasSizeGreaterThanOrEqualTo(199);
    }

    @Test
    void findsAllEventsOnceItIsInstalled() {
        ledger.install();
        assertThat(index()).isNotEmpty();
        assertThat(found("word")).hasSize(200).contains("e10");
        assertThat(found("tens0").indexOf("e10"))
                .as("place of the event that was moved")
                .isEqualTo(3);
        assertThat(events.count("p", EventFilter.builder().text("tens0").build()))
                .isEqualTo(20);
    }

    /** A hash of a block is no word. */
    @Test
    void findsNoBlockOfTime() {
        ledger.install();
        List<String> hashes = Database.column("select unnest(" + SearchBlocks.OF_A_ROW + ")::text from " + s
                + ".events_search where event_id = 'e0'");
        assertThat(hashes).hasSize(12);
        for (String hash : hashes) {
            assertThat(found(hash.replace("-", ""))).isEmpty();
        }
    }
}
