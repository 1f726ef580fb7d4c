package io.usagekit.testkit.mutants;

import static io.usagekit.testkit.mutants.EventRepositoryMutantsTest.mutant;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.SearchQuery;
import io.usagekit.events.SearchQuery.Clause;
import io.usagekit.testkit.mutants.EventRepositoryMutantsTest.Adapter;
import java.util.List;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** Ledgers that misunderstand a search. */
final class LedgerSearchMutants {

    private LedgerSearchMutants() {}

    /** Looks for another query instead. */
    private static Mutant<Adapter> reading(String fault, String check, Function<SearchQuery, String> change) {
        return filtering(
                fault,
                check,
                filter -> filter.search()
                        .map(search -> EventFilter.builder()
                                .type(filter.type().orElse(""))
                                .search(change.apply(search))
                                .build())
                        .orElse(filter));
    }

    private static Mutant<Adapter> filtering(String fault, String check, UnaryOperator<EventFilter> change) {
        return mutant(fault, check, ledger -> new ForwardingEventRepository(ledger) {
            @Override
            public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
                return right.page(projectId, change.apply(filter), request);
            }

            @Override
            public long count(String projectId, EventFilter filter) {
                return right.count(projectId, change.apply(filter));
            }
        });
    }

    private static String joined(SearchQuery query, String delimiter, Function<Clause, String> clause) {
        return query.clauses().stream()
                .map(clause)
                .filter(text -> !text.isEmpty())
                .collect(Collectors.joining(delimiter));
    }

    static List<Mutant<Adapter>> all() {
        String phrases = "searchesForPhrases";
        String alternatives = "searchesForAlternatives";
        String excluded = "leavesExcludedTermsOut";
        return List.of(
                reading(
                        "the words of a phrase in any order",
                        phrases,
                        query -> joined(query, " ", clause -> String.join(" ", clause.alternatives()))),
                reading(
                        "the last word of a phrase suffices",
                        phrases,
                        query -> joined(
                                query,
                                " ",
                                clause -> clause.alternatives().get(0).replaceAll(".* ", ""))),
                reading(
                        "phrases of long texts are words in any order",
                        "searchesForPhrasesInLongTexts",
                        query -> joined(
                                query,
                                " ",
                                clause -> clause.isExcluded() ? "" : String.join(" ", clause.alternatives()))),
                reading(
                        "a number that a word begins with is a word",
                        "searchesForWordsThatBeginAsNumbers",
                        query -> query.toString().replace("1e5a", "1e5 a")),
                reading(
                        "all alternatives are required",
                        alternatives,
                        query -> query.toString().replace(" OR ", " ")),
                reading(
                        "the first alternative counts",
                        alternatives,
                        query -> joined(
                                query,
                                " ",
                                clause -> '"' + clause.alternatives().get(0) + '"')),
                reading("OR joins all terms", alternatives, query -> joined(query, " OR ", Clause::toString)),
                reading(
                        "or joins terms",
                        alternatives,
                        query -> query.toString().replace("\"or\"", "OR")),
                reading(
                        "excluded terms are required",
                        excluded,
                        query -> query.toString().replace("-", "")),
                reading(
                        "excluded terms are passed over",
                        excluded,
                        query -> joined(query, " ", clause -> clause.isExcluded() ? "" : clause.toString())),
                reading(
                        "each word of an excluded phrase excludes",
                        excluded,
                        query -> query.toString().replaceAll("-\"(\\w+) (\\w+)\"", "-$1 -$2")),
                filtering(
                        "a search by itself",
                        "searchesWithinWhatOtherConditionsSelect",
                        filter -> filter.search()
                                .map(search -> EventFilter.builder()
                                        .search(search.toString())
                                        .build())
                                .orElse(filter)),
                filtering(
                        "a search instead of a text",
                        "searchesWithinWhatOtherConditionsSelect",
                        filter -> filter.search().isPresent() && filter.text().isPresent()
                                ? EventFilter.builder()
                                        .type("other")
                                        .search(filter.search().get().toString())
                                        .build()
                                : filter));
    }
}
