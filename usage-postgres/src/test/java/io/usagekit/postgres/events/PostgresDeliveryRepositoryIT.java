package io.usagekit.postgres.events;

import io.usagekit.events.Duplicates;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.contract.deliveries.DeliveryRepositoryContract;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract of repositories of deliveries on PostgreSQL. */
class PostgresDeliveryRepositoryIT extends DeliveryRepositoryContract {

    private static String schema;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("deliveries");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected Ledger openLedger(InstantSource clock) {
        PostgresLedger ledger = LedgerTables.emptied(schema, Duplicates.BILLED, clock);
        return new Ledger(ledger.repository(), ledger.deliveries());
    }
}
