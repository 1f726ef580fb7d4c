package io.usagekit.events;

import io.usagekit.internal.Arguments;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What to search for in the types and payloads of events: words, phrases, alternatives, and what excludes an event. Immutable.
 *
 * @since 0.1
 */
public final class SearchQuery {

    /** Words with more octets of UTF-8 are left out: PostgreSQL indexes none of them. */
    private static final int MAX_WORD_OCTETS = 2_046;

    /** Between words: ASCII characters that are neither letters nor digits. */
    private static final Pattern SEPARATORS = Pattern.compile("[\\p{ASCII}&&[^0-9A-Za-z]]+");

    /** A term after any blanks: a minus or none, then a text in quotation marks, or one that ends before a blank or quotation mark. */
    private static final Pattern TERM =
            Pattern.compile("\\p{IsWhite_Space}*(-?)(?:\"([^\"]*)\"|([^\\p{IsWhite_Space}\"]+))");

    /** Characters allowed in quotation marks only: parentheses, and the typographic quotation marks that text editors insert. */
    private static final Pattern AMBIGUOUS = Pattern.compile("[()\u201c\u201d\u201e]");

    /** Operators of other search engines, which would be read as words here. */
    private static final Set<String> OTHER_OPERATORS = Set.of("AND", "NOT");

    /**
     * One of the conditions of a query, all of which an event has to meet.
     *
     * @param alternatives phrases of a word or more, with a blank between two words, in the case in which they were written
     * @param isExcluded whether an event has to have none of them; or else it has to have at least one of them
     * @since 0.1
     */
    public record Clause(List<String> alternatives, boolean isExcluded) {

        /** Copies the alternatives. */
        public Clause {
            alternatives = List.copyOf(alternatives);
        }

        private Clause or(String alternative) {
            List<String> more = new ArrayList<>(alternatives);
            more.add(alternative);
            return new Clause(more, isExcluded);
        }

        private boolean isMetBy(List<String> words) {
            return isExcluded
                    != alternatives.stream().anyMatch(phrase -> Collections.indexOfSubList(words, words(phrase)) >= 0);
        }

        @Override
        public String toString() {
            return alternatives.stream()
                    .map(phrase -> (isExcluded ? "-\"" : "\"") + phrase + '"')
                    .collect(Collectors.joining(" OR "));
        }
    }

    private final List<Clause> clauses;

    private SearchQuery(List<Clause> clauses) {
        this.clauses = List.copyOf(clauses);
    }

    /**
     * Reads a query that is written as for a web search. An event has to have all of its terms, which have blanks between them, in any order:
     *
     * <ul>
     *   <li>{@code paid}: this word;
     *   <li>{@code "pull request"}, {@code octo-org/octo-repo}: a phrase, i.e. words that follow each other;
     *   <li>{@code push OR "pull request"}: one of them at least. {@code OR}, in capitals, joins the two terms beside it and no others:
     *       {@code a b OR c} is a, and b or c;
     *   <li>{@code -draft}, {@code -"pull request"}: an event that has it is left out.
     * </ul>
     *
     * <p>Words are those of {@link EventFilter.Builder#text}. A term without any is ignored.
     *
     * @throws IllegalArgumentException if the query is out of bounds; doesn't close a quotation mark; has a parenthesis, a typographic quotation mark,
     *     {@code AND} or {@code NOT} outside quotation marks, or an {@code OR} elsewhere than between two terms without a minus; or has no term
     *     without a minus
     */
    public static SearchQuery parse(String search) {
        Bounds.word("search", search);
        List<Clause> clauses = new ArrayList<>();
        boolean isAfterOr = false;
        int at = 0;
        Matcher term = TERM.matcher(search);
        while (term.region(at, search.length()).lookingAt()) {
            at = term.end();
            boolean isExcluded = !term.group(1).isEmpty();
            boolean isQuoted = term.group(2) != null;
            String text = isQuoted ? term.group(2) : term.group(3);
            check(
                    isQuoted || !AMBIGUOUS.matcher(text).find(),
                    "must have no parentheses and no typographic quotation marks outside quotation marks",
                    search);
            check(
                    isQuoted || !OTHER_OPERATORS.contains(text),
                    "must have AND and NOT in quotation marks, as words: terms are joined by blanks, and excluded by a minus",
                    search);
            if (text.equals("OR") && !isQuoted && !isExcluded) {
                checkOr(!isAfterOr && !clauses.isEmpty() && !last(clauses).isExcluded(), search);
                isAfterOr = true;
                continue;
            }
            String phrase = SEPARATORS.matcher(text).replaceAll(" ").strip();
            if (phrase.isEmpty()) {
                continue;
            }
            if (isAfterOr) {
                checkOr(!isExcluded, search);
                clauses.add(clauses.remove(clauses.size() - 1).or(phrase));
                isAfterOr = false;
            } else {
                clauses.add(new Clause(List.of(phrase), isExcluded));
            }
        }
        check(search.indexOf('"', at) < 0, "must close each quotation mark", search);
        checkOr(!isAfterOr, search);
        check(!clauses.stream().allMatch(Clause::isExcluded), "must have a term without a minus", search);
        return new SearchQuery(clauses);
    }

    /** The query for all words of a text, in any order, as {@link EventFilter.Builder#text} looks for them. */
    public static SearchQuery allOf(String text) {
        return new SearchQuery(SEPARATORS
                .splitAsStream(text)
                .filter(word -> !word.isEmpty())
                .map(word -> new Clause(List.of(word), false))
                .toList());
    }

    private static Clause last(List<Clause> clauses) {
        return clauses.get(clauses.size() - 1);
    }

    private static void checkOr(boolean isRight, String search) {
        check(isRight, "must have OR between two terms without a minus only", search);
    }

    private static void check(boolean isRight, String rule, String search) {
        if (!isRight) {
            throw new IllegalArgumentException("search " + rule + ", but was " + Arguments.quote(search));
        }
    }

    /** The words of a text in their order, in lower case, as they are compared. */
    public static List<String> words(String text) {
        return SEPARATORS
                .splitAsStream(text)
                .filter(word -> !word.isEmpty() && Bounds.octets(word) <= MAX_WORD_OCTETS)
                .map(SearchQuery::lowerCase)
                .toList();
    }

    /** Character by character, as PostgreSQL does. */
    private static String lowerCase(String word) {
        return word.codePoints()
                .map(Character::toLowerCase)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                .toString();
    }

    /** Its conditions, all of which an event has to meet. If there are none, no event meets the query. */
    public List<Clause> clauses() {
        return clauses;
    }

    /** Whether an event with these {@link #words} meets it. */
    public boolean isMetBy(List<String> words) {
        return !clauses.isEmpty() && clauses.stream().allMatch(clause -> clause.isMetBy(words));
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof SearchQuery that && clauses.equals(that.clauses);
    }

    @Override
    public int hashCode() {
        return clauses.hashCode();
    }

    /** The query, in a form that {@link #parse} reads as an equal one. */
    @Override
    public String toString() {
        return clauses.stream().map(Clause::toString).collect(Collectors.joining(" "));
    }
}
