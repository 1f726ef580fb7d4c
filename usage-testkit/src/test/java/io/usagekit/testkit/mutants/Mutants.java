package io.usagekit.testkit.mutants;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/** Tests of a contract suite: the right adapter passes all cases, and each mutant of it fails the case that its fault names. */
final class Mutants {

    /** A list that is shorter leaves much of the contract unproved. */
    private static final int FEWEST = 20;

    /** How often a mutant runs at most. */
    private static final int MOST_RUNS = 20;

    private static final int THREADS = 4;
    private static final long LIMIT_SECONDS = 120;

    private Mutants() {}

    static <A> Stream<DynamicTest> tests(Class<?> suite, A right, List<Mutant<A>> mutants) {
        return tests(
                () -> ContractRun.of(suite, right, check -> true),
                mutant -> ContractRun.of(suite, mutant.adapter(), mutant.check()::equals),
                mutants);
    }

    /**
     * Returns the tests of mutants.
     *
     * @param all runs the right adapter in all cases
     * @param one runs a mutant in the case that it names
     */
    static <A> Stream<DynamicTest> tests(
            Supplier<ContractRun> all, Function<Mutant<A>, ContractRun> one, List<Mutant<A>> mutants) {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            Stream<DynamicTest> first = Stream.of(
                    dynamicTest("there are at least " + FEWEST, () -> {
                        assertThat(mutants.stream().map(Mutant::fault).distinct())
                                .hasSizeGreaterThanOrEqualTo(FEWEST);
                    }),
                    test(threads, "the right adapter passes every case", () -> passesAll(all.get())));
            return Stream.concat(
                    first,
                    mutants.stream()
                            .map(mutant -> test(
                                    threads,
                                    mutant.fault() + ": " + mutant.check(),
                                    () -> isReported(mutant, () -> one.apply(mutant))))
                            .toList()
                            .stream());
        } finally {
            threads.shutdown();
        }
    }

    /** Starts a run at once, and reports its end in the test. */
    private static DynamicTest test(ExecutorService threads, String name, Runnable run) {
        Future<?> running = threads.submit(run);
        return dynamicTest(name, () -> {
            try {
                running.get(LIMIT_SECONDS, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                throw e.getCause() == null ? e : e.getCause();
            } catch (TimeoutException e) {
                throw new AssertionError("the contract didn't end within " + LIMIT_SECONDS + " s", e);
            }
        });
    }

    private static void passesAll(ContractRun run) {
        Map<String, Optional<Throwable>> cases = run.cases();
        assertThat(cases).isNotEmpty();
        assertThat(cases)
                .allSatisfy((check, error) -> assertThat(error).as(check).isEmpty());
    }

    /** Runs the case again while it passes: some faults show only in some of the orders in which threads may run. */
    private static void isReported(Mutant<?> mutant, Supplier<ContractRun> one) {
        Optional<Throwable> error = Optional.empty();
        for (int run = 0; run < MOST_RUNS && error.isEmpty(); run++) {
            Map<String, Optional<Throwable>> cases = one.get().cases();
            assertThat(cases).as("the cases run").containsOnlyKeys(mutant.check());
            error = cases.getOrDefault(mutant.check(), Optional.empty());
        }
        assertThat(error)
                .as("what the case reports: an assertion that failed; it doesn't only break")
                .get()
                .isInstanceOf(AssertionError.class);
    }
}
