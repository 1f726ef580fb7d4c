package io.usagekit.testkit;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.testkit.contract.events.EventRepositoryContract;
import java.time.InstantSource;

class InMemoryEventRepositoryTest extends EventRepositoryContract {

    @Override
    protected EventRepository openRepository(Duplicates duplicates, InstantSource clock) {
        return InMemoryEventRepository.create(duplicates, clock);
    }

    @Override
    protected UsageCalculator calculator(EventRepository repository) {
        return ((InMemoryEventRepository) repository).calculator();
    }
}
