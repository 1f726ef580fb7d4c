package io.usagekit.testkit.contract.events;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of full-text search. */
abstract class EventSearchCases extends EventRepositoryFixture {

    EventSearchCases(EventRepositoryContract contract) {
        super(contract);
    }

    private List<String> found(String text) {
        EventFilter filter = EventFilter.builder().text(text).build();
        List<String> ids = ledger.page(P, filter, PageRequest.first(1_000, EventOrder.ASCENDING)).items().stream()
                .map(Event::id)
                .toList();
        assertEquals(ids.size(), ledger.count(P, filter), () -> "the count of " + text);
        return ids;
    }

    private void recordText(String id, String text) {
        recorded(event(id).payload(Payload.of(text)));
    }

    @Test
    final void findsEventsByWordsOnceTokenised() {
        recordText(
                "e1",
                "{\"repository\": {\"full_name\": \"octo-org/octo.repo\", \"size\": 4711, \"Überblick\": \"日本\"}}");
        recorded(event("e2").type("pull_request.opened").payload(Payload.of("octo")));
        recorded(NewEvent.builder(SIBLING, "e3").payload(Payload.of("octo")));
        assertEquals(List.of(), found("octo"), "not tokenised yet");
        assertEquals(2, ledger.tokenise(P, EventWindow.ALL));
        assertEquals(0, ledger.tokenise(P, EventWindow.ALL), "the second time");

        assertEquals(List.of("e1", "e2"), found("octo"));
        assertEquals(List.of("e1"), found("octo-org"));
        assertEquals(List.of("e1"), found("REPO, Org/name!"));
        assertEquals(List.of("e1"), found("4711"));
        assertEquals(List.of("e1"), found("überblick 日本"));
        assertEquals(List.of("e2"), found("request"));
        assertEquals(List.of("e2"), found("opened pull"));
        assertEquals(List.of(), found("oct"), "a part of a word");
        assertEquals(List.of(), found("octo request repo"), "not all of them");
    }

    @Test
    final void findsNothingForTextWithoutWordsAndAllForAbsentText() {
        recordText("e1", "");
        recordText("e2", "word");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of(), found(""));
        assertEquals(List.of(), found(" -\"'{}:&|!*() "));
        assertEquals(2, ledger.count(P, EventFilter.ALL));
    }

    @Test
    final void findsWordsOfFirst100000CharactersOnly() {
        String text = "first " + "😀 ".repeat(49_985) + "inside";
        recordText("e1", text + " ".repeat(100_000 - text.codePointCount(0, text.length())) + "beyond");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1"), found("first inside"), "words among the first 100,000 characters of the text");
        assertEquals(List.of(), found("beyond"), "a word after the first 100,000 characters of the text");
    }

    @Test
    final void treatsSearchOperatorsAsPlainText() {
        recordText("e1", "a & b | !c:* <-> d");
        recordText("e2", "a");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1"), found("b & a"));
        assertEquals(List.of("e1"), found("a:* !b"));
        assertEquals(List.of("e1", "e2"), found("!a"));
        assertEquals(List.of(), found("a or x"));
    }

    @Test
    final void tokenisesAndDeletesTokensOfOneWindowOnly() {
        for (int n = 0; n < 5; n++) {
            recorded(event("e" + n).payload(Payload.of("word")).createdAt(NOW.plusSeconds(n)));
        }
        recorded(
                NewEvent.builder(SIBLING, "sibling").payload(Payload.of("word")).createdAt(NOW));
        ledger.tokenise(SIBLING, EventWindow.ALL);
        assertEquals(2, ledger.tokenise(P, EventWindow.since(NOW.plusSeconds(3))));
        assertEquals(List.of("e3", "e4"), found("word"));
        assertEquals(2, ledger.tokenise(P, EventWindow.between(NOW.plusSeconds(1), NOW.plusSeconds(4))));
        assertEquals(List.of("e1", "e2", "e3", "e4"), found("word"));
        assertEquals(3, ledger.deleteTokens(P, EventWindow.before(NOW.plusSeconds(4))));
        assertEquals(List.of("e4"), found("word"));
        assertEquals(5, ledger.countMessages(P));
        assertEquals(4, ledger.tokenise(P, EventWindow.ALL));
        assertEquals(5, ledger.deleteTokens(P, EventWindow.ALL));
        assertEquals(1, ledger.count(SIBLING, EventFilter.builder().text("word").build()));
    }

    @Test
    final void tokenisesMoreThanOneBatchInOneCall() {
        ledger.recordAll(IntStream.range(0, 2_000)
                .mapToObj(n -> event("e" + n).payload(Payload.of("w" + n % 2)).build())
                .toList());
        recordText("last", "w1");
        assertEquals(2_001, ledger.tokenise(P, EventWindow.ALL));
        assertEquals(1_001, ledger.count(P, EventFilter.builder().text("w1").build()));
    }
}
