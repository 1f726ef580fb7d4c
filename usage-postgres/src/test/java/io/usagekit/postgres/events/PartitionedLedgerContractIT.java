package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.EventRepositoryContract;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The contract of event repositories on tables that are partitioned by month, whose unique keys are those of each month only. */
@Tag("thorough")
class PartitionedLedgerContractIT extends EventRepositoryContract {

    private static String schema;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("parted_ledger");
        String s = Identifiers.quote(schema);
        Database.execute(
                "insert into " + s + ".projects (id, organisation_id) values ('p', 'o')",
                "insert into " + s + ".events (id, project_id, created_at) values ('e', 'p', '2026-02-01Z')",
                "insert into " + s + ".event_deliveries (id, project_id, event_id, status, created_at)"
                        + " values ('d', 'p', 'e', '', '2026-02-01Z')");
        PostgresPartitions partitions = PostgresPartitions.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(ManualClock.at("2026-05-01T00:00:00Z"))
                .build();
        partitions.partition(PartitionInterval.MONTH, new PartitionProgress() {});
        assertThat(partitions.status().events().partitions()).hasSizeGreaterThan(3);
        PostgresLedger.of(Database.pool(), schema).install();
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_partitions");
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
