package io.usagekit.testkit;

import io.usagekit.testkit.contract.deliveries.DeliveryRepositoryContract;

class InMemoryDeliveryRepositoryTest extends DeliveryRepositoryContract {

    @Override
    protected Ledger openLedger() {
        InMemoryEventRepository ledger = InMemoryEventRepository.create();
        return new Ledger(ledger, ledger.deliveries());
    }
}
