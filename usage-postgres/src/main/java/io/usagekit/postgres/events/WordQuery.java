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
        Optional<String> text = filter.text();
        return filter.search()
                .map(search -> text.map(WordQuery::words).orElse("") + clauses(search))
                .or(() -> text.map(words -> words.replace('\n', ' ')));
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
