package io.usagekit.testkit.mutants;

import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The tests of mutants fail where a contract doesn't report a fault, or reports it by breaking. */
class MutantsTest {

    /** Stands for a contract of an adapter that is a number, which must be 1. */
    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite {

        private final Integer adapter;

        Suite(Integer adapter) {
            if (adapter == 3) {
                throw new IllegalStateException("no adapter");
            }
            this.adapter = adapter;
        }

        @Test
        void isOne() {
            assertEquals(1, adapter);
        }

        @Test
        void isSmall() {
            assertEquals(0, adapter / 10);
        }
    }

    @Test
    void failsWhenTheRightAdapterFailsACase() {
        assertThatThrownBy(() -> run(2, new Mutant<>("wrong", "isOne", 2), 1)).hasMessageContaining("isOne");
    }

    @Test
    void failsWhenACaseDoesNotReportItsMutant() {
        assertThatThrownBy(() -> run(1, new Mutant<>("wrong", "isSmall", 2), 2)).hasMessageContaining("reports");
    }

    @Test
    void failsWhenNoCaseHasTheName() {
        assertThatThrownBy(() -> run(1, new Mutant<>("wrong", "isTwo", 2), 2)).hasMessageContaining("isTwo");
    }

    @Test
    void failsWhenTheMutantBreaksInConstruction() {
        assertThatThrownBy(() -> run(1, new Mutant<>("wrong", "isOne", 3), 2)).hasMessageContaining("only break");
    }

    @Test
    void failsWhenThereAreFewMutants() {
        assertThatThrownBy(() -> run(1, new Mutant<>("wrong", "isOne", 2), 0)).hasMessageContaining("20");
    }

    @Test
    void passesWhenTheCaseReportsItsMutant() throws Throwable {
        run(1, new Mutant<>("wrong", "isOne", 2), 1);
        run(1, new Mutant<>("wrong", "isOne", 2), 2);
    }

    /** Runs one of the tests of a list of one mutant. */
    private static void run(Integer right, Mutant<Integer> mutant, int test) throws Throwable {
        Stream<DynamicTest> tests = Mutants.tests(Suite.class, right, List.of(mutant));
        tests.toList().get(test).getExecutable().execute();
    }
}
