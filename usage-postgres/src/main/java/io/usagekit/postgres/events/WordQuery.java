package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.SearchQuery;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What a filter looks for in the search index, as the fragment words-of-text takes it. */
final class WordQuery {

    /** What PostgreSQL's parser takes for a word of its own in one of ASCII letters and digits: a number with an exponent, as 1e5 in 1e5a. */
    private static final Pattern NUMBER = Pattern.compile("[0-9][eE][0-9]");

    private WordQuery() {}

    /**
     * A text, without line feeds, whose words are looked for; if the filter has a query, or PostgreSQL splits a word of the text, lines after a
     * line feed each: "&amp;" and words of the text, each word that is split, and the clauses of the query. Empty if the filter has neither.
     */
    static Optional<String> of(EventFilter filter) {
        return filter.search().isPresent()
                        || filter.text().filter(NUMBER.asPredicate()).isPresent()
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
        Predicate<String> isSplit = NUMBER.asPredicate();
        List<String> words = SearchQuery.allOf(text).clauses().stream()
                .map(clause -> clause.alternatives().get(0))
                .toList();
        String whole = words.stream().filter(isSplit.negate()).collect(Collectors.joining(" "));
        String split = words.stream().filter(isSplit).map(word -> "\n" + word).collect(Collectors.joining());
        return (whole.isEmpty() && !split.isEmpty() ? "" : "\n&" + whole) + split;
    }

    private static String clauses(SearchQuery search) {
        return search.clauses().stream()
                .map(clause -> "\n" + (clause.isExcluded() ? "!" : "") + String.join("|", clause.alternatives()))
                .collect(Collectors.joining());
    }
}
