package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventFilter;
import org.junit.jupiter.api.Test;

class WordQueryTest {

    private static EventFilter text(String text) {
        return EventFilter.builder().text(text).build();
    }

    @Test
    void isTheTextItself() {
        assertThat(WordQuery.of(text("red-1\ncar"))).contains("red-1 car");
        assertThat(WordQuery.of(EventFilter.ALL)).isEmpty();
    }

    /** PostgreSQL splits these words, so that each is a phrase. */
    @Test
    void hasALineForEachWordThatBeginsAsANumber() {
        assertThat(WordQuery.of(text("red 1e5a, car 0E0E"))).contains("\n&red car\n1e5a\n0E0E");
        assertThat(WordQuery.of(text("1e5a"))).contains("\n1e5a");
        assertThat(WordQuery.of(text("e5 5e 1ea5"))).contains("e5 5e 1ea5");
    }

    @Test
    void hasALineForEachClause() {
        EventFilter filter = EventFilter.builder()
                .text("red")
                .search("\"a car\" OR bus -\"old van\"")
                .build();
        assertThat(WordQuery.of(filter)).contains("\n&red\na car|bus\n!old van");
    }

    @Test
    void hasTheWordsOfATypeForPages() {
        EventFilter filter =
                EventFilter.builder().text("red").type("pull.opened").build();
        assertThat(WordQuery.ofPage(filter)).contains("\n&red\n&pull opened");
        assertThat(WordQuery.of(filter)).contains("red");
        assertThat(WordQuery.ofPage(EventFilter.builder().type("pull.opened").build()))
                .isEmpty();
    }

    /** PostgreSQL may find no words in these. */
    @Test
    void hasNoWordsOfATypeOfOtherCharactersThanAscii() {
        assertThat(WordQuery.ofPage(
                        EventFilter.builder().text("red").type("\u201c\u201d").build()))
                .contains("red");
        assertThat(WordQuery.ofPage(EventFilter.builder().text("red").type("-").build()))
                .contains("red");
    }
}
