package io.usagekit.testkit.mutants;

import io.usagekit.SingleFlight;
import io.usagekit.testkit.contract.SingleFlightContract;
import io.usagekit.testkit.mutants.FaultySingleFlight.Fault;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of single-flight reports wrong ones. */
class SingleFlightMutantsTest {

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends SingleFlightContract {

        private final Fault fault;

        Suite(Fault fault) {
            this.fault = fault;
        }

        @Override
        protected SingleFlight openSingleFlight() {
            return new FaultySingleFlight(fault);
        }

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(fault == Fault.NONE ? 30 : 1);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongSingleFlight() {
        List<Mutant<Fault>> mutants = Stream.of(Fault.values())
                .filter(fault -> fault != Fault.NONE)
                .map(fault ->
                        new Mutant<>(fault.name().toLowerCase(Locale.ROOT).replace('_', ' '), fault.check(), fault))
                .toList();
        return Mutants.tests(Suite.class, Fault.NONE, mutants);
    }
}
