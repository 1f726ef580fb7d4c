package io.usagekit.testkit;

import io.usagekit.events.Duplicates;
import io.usagekit.testkit.contract.deliveries.DeliveryRepositoryContract;
import java.time.InstantSource;

class InMemoryDeliveryRepositoryTest extends DeliveryRepositoryContract {

    @Override
    protected Ledger openLedger(InstantSource clock) {
        InMemoryEventRepository ledger = InMemoryEventRepository.create(Duplicates.BILLED, clock);
        return new Ledger(ledger, ledger.deliveries());
    }
}
