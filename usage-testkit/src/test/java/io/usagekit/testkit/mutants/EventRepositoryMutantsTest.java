package io.usagekit.testkit.mutants;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.contract.events.EventRepositoryContract;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of event ledgers reports wrong ones. */
class EventRepositoryMutantsTest {

    /** Makes a ledger of the right one. */
    interface Adapter extends Function<InMemoryEventRepository, ForwardingEventRepository> {}

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends EventRepositoryContract {

        private final Adapter adapter;

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected EventRepository openRepository(Duplicates duplicates, InstantSource clock) {
            return adapter.apply(InMemoryEventRepository.create(duplicates, clock));
        }

        @Override
        protected UsageCalculator calculator(EventRepository repository) {
            return ((ForwardingEventRepository) repository).right.calculator();
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongLedger() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(LedgerRecordingMutants.all());
        mutants.addAll(LedgerRecordNewMutants.all());
        mutants.addAll(LedgerFieldMutants.all());
        mutants.addAll(LedgerLookupMutants.all());
        mutants.addAll(LedgerPageMutants.all());
        mutants.addAll(LedgerSearchMutants.all());
        mutants.addAll(LedgerDeletionMutants.all());
        mutants.addAll(LedgerExportMutants.all());
        return Mutants.tests(Suite.class, (Adapter) ForwardingEventRepository::new, mutants);
    }

    static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }
}
