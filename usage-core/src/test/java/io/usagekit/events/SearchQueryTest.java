package io.usagekit.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SearchQueryTest {

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "paid;                          \"paid\"",
                "` paid \t order\u3000new `;    \"paid\" \"order\" \"new\"",
                "\"pull request\";              \"pull request\"",
                "\" Pull,\trequest! \";         \"Pull request\"",
                "octo-org/octo-repo;            \"octo org octo repo\"",
                "it\u2019s;                     \"it\u2019s\"",
                "-draft paid;                   -\"draft\" \"paid\"",
                "paid -\"pull request\";        \"paid\" -\"pull request\"",
                "paid --draft;                  \"paid\" -\"draft\"",
                "paid - draft;                  \"paid\" \"draft\"",
                "paid-draft;                    \"paid draft\"",
                "a OR b;                        \"a\" OR \"b\"",
                "a b OR c d;                    \"a\" \"b\" OR \"c\" \"d\"",
                "a OR b OR \"c d\" OR e-f;      \"a\" OR \"b\" OR \"c d\" OR \"e f\"",
                "-a b OR c;                     -\"a\" \"b\" OR \"c\"",
                "a or b Or c;                   \"a\" \"or\" \"b\" \"Or\" \"c\"",
                "a and \"AND\" Not ANDY;         \"a\" \"and\" \"AND\" \"Not\" \"ANDY\"",
                "\"OR\" OR x-OR -OR;            \"OR\" OR \"x OR\" -\"OR\"",
                "a & b | \"\" -\"!\" OR * c;    \"a\" \"b\" OR \"c\"",
                "\"a\"b\"c d\"-e;               \"a\" \"b\" \"c d\" -\"e\"",
                "\"f(x)\";                      \"f x\"",
            })
    void readsTerms(String search, String clauses) {
        SearchQuery query = SearchQuery.parse(search);
        assertThat(query).hasToString(clauses);
        assertThat(SearchQuery.parse(clauses)).isEqualTo(query).hasSameHashCodeAs(query);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "``;                  must have a term without a minus",
                "\" - \" &;           must have a term without a minus",
                "-a -\"b c\";         must have a term without a minus",
                "a \"b;               must close each quotation mark",
                "a \"b\" c\";         must close each quotation mark",
                "a -\";               must close each quotation mark",
                "(a b) OR c;          must have no parentheses and no typographic quotation marks outside quotation marks",
                "f(x);                must have no parentheses and no typographic quotation marks outside quotation marks",
                "\u201ca b\u201d;          must have no parentheses and no typographic quotation marks outside quotation marks",
                "a AND b;             must have AND and NOT in quotation marks, as words: terms are joined by blanks, and excluded by a minus",
                "a -NOT;              must have AND and NOT in quotation marks, as words: terms are joined by blanks, and excluded by a minus",
                "NOT a;               must have AND and NOT in quotation marks, as words: terms are joined by blanks, and excluded by a minus",
                "OR;                  must have OR between two terms without a minus only",
                "OR a;                must have OR between two terms without a minus only",
                "a OR;                must have OR between two terms without a minus only",
                "a OR OR b;           must have OR between two terms without a minus only",
                "a OR -b;             must have OR between two terms without a minus only",
                "a -b OR c;           must have OR between two terms without a minus only",
                "a OR \"\";           must have OR between two terms without a minus only",
            })
    void rejectsWhatItCouldMisunderstand(String search, String message) {
        assertThatThrownBy(() -> SearchQuery.parse(search))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("search " + message + ", but was \"");
    }

    @Test
    void returnsWordsInTheirOrder() {
        assertThat(SearchQuery.words(
                        "{\"A-b\": [1e5, \"\u00dcBER\u2019\u65e5\u672c\"], \"a\tb\": \"\u039f\u0394\u039f\u03a3\"}"))
                .containsExactly("a", "b", "1e5", "\u00fcber\u2019\u65e5\u672c", "a", "b", "\u03bf\u03b4\u03bf\u03c3");
        assertThat(SearchQuery.words(
                        "a " + "b".repeat(2_046) + " " + "c".repeat(2_047) + " " + "\u00e9".repeat(1_024) + " d"))
                .hasSize(3)
                .startsWith("a")
                .endsWith("d");
        assertThat(SearchQuery.words(" .,\0")).isEmpty();
    }

    @Test
    void looksForAllWordsOfAText() {
        assertThat(SearchQuery.allOf("b, OR -\"a (b")).hasToString("\"b\" \"OR\" \"a\" \"b\"");
        assertThat(SearchQuery.allOf("b a").isMetBy(List.of("a", "x", "b"))).isTrue();
        assertThat(SearchQuery.allOf("b a").isMetBy(List.of("a", "x"))).isFalse();
        assertThat(SearchQuery.allOf(" - ").isMetBy(List.of("a"))).isFalse();
    }

    /** Random characters of the language are rejected as an argument, or read as what they are written as again. */
    @Test
    void readsOrRejectsAnyText() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("SearchQueryTest: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        int read = 0;
        for (int n = 0; n < 5_000; n++) {
            StringBuilder search = new StringBuilder();
            for (int length = random.nextInt(12); length >= 0; length--) {
                search.append(List.of("\"", "-", " ", " ", "OR", " OR ", "a", "b", "(", "\u00a0", "&", "\n")
                        .get(random.nextInt(12)));
            }
            try {
                SearchQuery query = SearchQuery.parse(search.toString());
                assertThat(SearchQuery.parse(query.toString()))
                        .as(search.toString())
                        .isEqualTo(query);
                read++;
            } catch (IllegalArgumentException e) {
                assertThat(e).as(search.toString()).hasMessageStartingWith("search must");
            }
        }
        assertThat(read).as("queries, seed %s", seed).isGreaterThan(500);
    }
}
