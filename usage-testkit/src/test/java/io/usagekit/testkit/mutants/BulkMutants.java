package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** Caches and calculators with wrong bulk methods, whose single ones are right. */
final class BulkMutants {

    private static final String CACHE_CHECK = "returnsSeveralFiguresAsOneByOne";

    private BulkMutants() {}

    private static Mutant<UsageCacheMutantsTest.Adapter> cache(
            String fault,
            Function<
                            Map<UsageKey, CompletionStage<Optional<AgedUsage>>>,
                            Map<UsageKey, CompletionStage<Optional<AgedUsage>>>>
                    change) {
        return new Mutant<>(
                fault, CACHE_CHECK, (entries, ticker) -> new ForwardingUsageCache(new MapUsageCache(entries, ticker)) {
                    @Override
                    public Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
                        return change.apply(super.getAll(keys));
                    }
                });
    }

    static List<Mutant<UsageCacheMutantsTest.Adapter>> ofCaches() {
        return List.of(
                cache("leaves out what it hasn't", all -> {
                    all.values()
                            .removeIf(
                                    stage -> stage.toCompletableFuture().join().isEmpty());
                    return all;
                }),
                cache("answers in another order", all -> {
                    List<CompletionStage<Optional<AgedUsage>>> answers = new ArrayList<>(all.values());
                    Map<UsageKey, CompletionStage<Optional<AgedUsage>>> shifted = new LinkedHashMap<>();
                    for (UsageKey key : all.keySet()) {
                        shifted.put(key, answers.get((shifted.size() + 1) % answers.size()));
                    }
                    return shifted;
                }),
                cache("finds nothing in bulk", all -> {
                    all.replaceAll((key, stage) -> CompletableFuture.completedFuture(Optional.empty()));
                    return all;
                }),
                cache("loses the age in bulk", all -> {
                    all.replaceAll((key, stage) -> stage.thenApply(
                            found -> found.map(figure -> new AgedUsage(figure.usage(), Duration.ZERO))));
                    return all;
                }));
    }

    /** A calculator whose batches are changed. */
    private record Batches(UsageCalculator right, Function<Figures, Figures> change) implements UsageCalculator {
        @Override
        public OrganisationUsage calculate(UsageKey key, Duration timeout) {
            return right.calculate(key, timeout);
        }

        @Override
        public Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
            return change.apply(right.calculateAll(keys, timeout));
        }
    }

    private static Mutant<UsageCalculatorMutantsTest.Adapter> calculator(
            String fault, String check, Function<UsageCalculator.Figures, UsageCalculator.Figures> change) {
        return new Mutant<>(fault, check, right -> new Batches(right, change));
    }

    static List<Mutant<UsageCalculatorMutantsTest.Adapter>> ofCalculators() {
        return List.of(
                calculator("returns one figure for all", "separatesOrganisations", all -> {
                    Map<UsageKey, OrganisationUsage> figures = new HashMap<>(all.figures());
                    OrganisationUsage first = figures.values().iterator().next();
                    figures.replaceAll((key, usage) ->
                            new OrganisationUsage(key, first.received(), first.sent(), first.createdAt()));
                    return new UsageCalculator.Figures(figures, all.failures());
                }),
                calculator("fails all for one", "separatesOrganisations", all -> {
                    Map<UsageKey, UsageException> failures = new HashMap<>();
                    all.figures()
                            .keySet()
                            .forEach(key ->
                                    failures.put(key, new UsageCalculationException("one of them failed", null)));
                    return new UsageCalculator.Figures(Map.of(), failures);
                }));
    }
}
