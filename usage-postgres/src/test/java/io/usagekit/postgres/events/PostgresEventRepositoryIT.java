package io.usagekit.postgres.events;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.contract.events.EventRepositoryContract;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract of event repositories on PostgreSQL. */
class PostgresEventRepositoryIT extends EventRepositoryContract {

    private static String schema;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("ledger");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected EventRepository openRepository(Duplicates duplicates, InstantSource clock) {
        return LedgerTables.emptied(schema, duplicates, clock).repository();
    }

    @Override
    protected UsageCalculator calculator(EventRepository repository) {
        return PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema));
    }
}
