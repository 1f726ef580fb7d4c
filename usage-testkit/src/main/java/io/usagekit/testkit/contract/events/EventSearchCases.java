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
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Cases of full-text search. */
abstract class EventSearchCases extends EventRepositoryFixture {

    EventSearchCases(EventRepositoryContract contract) {
        super(contract);
    }

    private List<String> found(String text) {
        return found(EventFilter.builder().text(text).build());
    }

    private List<String> searched(String search) {
        return found(EventFilter.builder().search(search).build());
    }

    private List<String> found(EventFilter filter) {
        List<String> ids = ledger.page(P, filter, PageRequest.first(1_000, EventOrder.ASCENDING)).items().stream()
                .map(Event::id)
                .toList();
        assertEquals(ids.size(), ledger.count(P, filter), () -> "the count of " + filter);
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
    final void searchesForPhrases() {
        recordText("e1", "pull request");
        recordText("e2", "{\"request\": \"pull\", \"a\": \"Pull-Request\"}");
        recordText("e3", "request a pull");
        recordText("e4", "pull requests");
        recordText("e5", "pull a request, pull a request");
        recorded(event("e6").type("pull_request.opened"));
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1", "e2", "e6"), searched("\"pull request\""));
        assertEquals(List.of("e1", "e2", "e6"), searched("PULL/request"), "a term of two words");
        assertEquals(List.of("e1", "e2", "e3", "e5", "e6"), searched("pull request"), "words in any order");
        assertEquals(List.of("e5"), searched("\"a request pull\""));
        assertEquals(List.of("e5"), searched("\"request pull a\" \"pull a request\""), "phrases that overlap");
        assertEquals(List.of("e2", "e3"), searched("\"a pull\""));
        assertEquals(List.of("e6"), searched("\"request opened\""));
        assertEquals(List.of(), searched("\"pull pull\""));
    }

    private static String word(int n) {
        return "w" + (char) ('a' + n / 676) + (char) ('a' + n / 26 % 26) + (char) ('a' + n % 26);
    }

    /** Words at many places, and at places far from the first one: an index of places may lack these. */
    @Test
    final void searchesForPhrasesInLongTexts() {
        recordText("e1", "sku red ".repeat(300) + "sku blue");
        recordText("e2", "sku red ".repeat(300) + "blue sku");
        recordText(
                "e3",
                IntStream.range(0, 16_500).mapToObj(EventSearchCases::word).collect(Collectors.joining(" ")));
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1"), searched("\"sku blue\""));
        assertEquals(List.of("e2"), searched("sku -\"sku blue\""));
        assertEquals(List.of("e3"), searched("none OR \"" + word(16_400) + " " + word(16_401) + "\" -sku"));
        for (int n = 16_380; n < 16_384; n++) {
            assertEquals(List.of(), searched('"' + word(n) + " " + word(16_499) + '"'), "words far from each other");
        }
        assertEquals(List.of(), searched(word(0) + " -\"" + word(16_498) + " " + word(16_499) + '"'));
    }

    /** Full text parsers may take what such a word begins with for a number. */
    @Test
    final void searchesForWordsThatBeginAsNumbers() {
        recordText("e1", "red 1e5a");
        recordText("e2", "a red 1e5");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1"), found("1e5a"));
        assertEquals(List.of("e1"), found("1E5A red"));
        assertEquals(List.of("e1"), searched("1e5a"));
        assertEquals(List.of("e1"), searched("red 1e5a"));
        assertEquals(List.of("e2"), searched("red -1e5a"));
        assertEquals(List.of("e1"), searched("\"red 1e5a\""));

        // An index that keeps no places after the 16,383rd word may take the two for neighbours.
        String words =
                IntStream.range(0, 16_379).mapToObj(EventSearchCases::word).collect(Collectors.joining(" "));
        recordText("e3", words + " 1e5".repeat(6) + " green a");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e3"), searched("green -1e5a"));
    }

    @Test
    final void searchesForAlternatives() {
        recordText("e1", "red car");
        recordText("e2", "red bike");
        recordText("e3", "blue bike");
        recordText("e4", "blue car or boat");
        ledger.tokenise(P, EventWindow.ALL);
        assertEquals(List.of("e1", "e3", "e4"), searched("car OR blue"));
        assertEquals(List.of("e2", "e3"), searched("bike red OR blue"), "joins the terms beside it only");
        assertEquals(List.of("e1", "e2"), searched("car OR bike red OR boat -boat"));
        assertEquals(List.of("e2", "e4"), searched("\"red bike\" OR boat OR none"));
        assertEquals(List.of("e4"), searched("boat or car"), "a word in lower case");
        assertEquals(List.of(), searched("none OR never"));
    }

    @Test
    final void leavesExcludedTermsOut() {
        recordText("e1", "paid order new");
        recordText("e2", "order new");
        recordText("e3", "new order, Paid");
        recordText("e4", "unpaid order");
        ledger.tokenise(P, EventWindow.ALL);
        recordText("untokenised", "order");
        assertEquals(List.of("e2", "e4"), searched("order -paid"));
        assertEquals(List.of("e3", "e4"), searched("-\"order new\" order"), "a phrase, not its words");
        assertEquals(List.of("e4"), searched("paid OR unpaid -new"));
        assertEquals(List.of("e1", "e2", "e3", "e4"), searched("order -none"));
        assertEquals(List.of(), searched("order -order"));
    }

    @Test
    final void searchesWithinWhatOtherConditionsSelect() {
        recordText("e1", "red car");
        recordText("e2", "car, red");
        recorded(event("e3").type("other").payload(Payload.of("red car")));
        ledger.tokenise(P, EventWindow.ALL);
        EventFilter.Builder filter = EventFilter.builder().search("\"red car\"");
        assertEquals(List.of("e1", "e3"), found(filter.build()));
        assertEquals(List.of("e3"), found(filter.type("other").build()));
        filter = EventFilter.builder().search("car -other");
        assertEquals(List.of("e1", "e2"), found(filter.build()));
        assertEquals(
                List.of("e2"),
                found(filter.text("red CAR").search("\"car red\"").build()));
        assertEquals(List.of(), found(filter.text("red OR blue").build()), "a text has no operators");
        assertEquals(List.of(), found(filter.text("-").build()), "a text without words");
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
