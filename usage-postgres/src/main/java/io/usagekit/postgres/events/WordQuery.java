package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.SearchQuery;
import java.util.Optional;
import java.util.stream.Collectors;

/** What a filter looks for in the search index, as the fragment words-of-text takes it. */
final class WordQuery {

    private WordQuery() {}

    /**
     * A text, without line feeds, whose words are looked for; if the filter has a query, lines after a line feed each: "&amp;" and the words of
     * the text, and the clauses of the query. Empty if the filter has neither.
     */
    static Optional<String> of(EventFilter filter) {
        return filter.search().isPresent()
                ? Optional.of(lines(filter))
                : filter.text().map(text -> text.replace('\n', ' '));
    }

    /** The same for pages, with the words of a type besides, which its events have: fewer of another type are looked up. */
    static Optional<String> ofPage(EventFilter filter) {
        Optional<String> words = of(filter);
        Optional<String> ofType = filter.type().filter(WordQuery::hasWords).map(WordQuery::words);
        return words.isPresent() && ofType.isPresent() ? Optional.of(lines(filter) + ofType.get()) : words;
    }

    /** Not if it has other characters than those of ASCII, in which PostgreSQL's parser may find no words. */
    private static boolean hasWords(String type) {
        return type.chars().allMatch(c -> c < 0x80) && !SearchQuery.words(type).isEmpty();
    }

    private static String lines(EventFilter filter) {
        return filter.text().map(WordQuery::words).orElse("")
                + filter.search().map(WordQuery::clauses).orElse("");
    }

    private static String words(String text) {
        return SearchQuery.allOf(text).clauses().stream()
                .map(clause -> clause.alternatives().get(0))
                .collect(Collectors.joining(" ", "\n&", ""));
    }

    private static String clauses(SearchQuery search) {
        return search.clauses().stream()
                .map(clause -> "\n" + (clause.isExcluded() ? "!" : "") + String.join("|", clause.alternatives()))
                .collect(Collectors.joining());
    }
}
