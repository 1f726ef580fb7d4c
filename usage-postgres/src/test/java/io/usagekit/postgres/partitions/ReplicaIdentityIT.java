package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.testing.Database;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * All tables that the library creates, at whatever time, have a primary key or another identity for replicas: where all tables are
 * published, PostgreSQL refuses to change or delete rows of the others.
 */
class ReplicaIdentityIT {

    private static List<String> withoutIdentity(String schema) {
        return Database.column(
                "select format('%s.%s', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                        + " where starts_with(n.nspname, ?) and c.relkind in ('r', 'p') and c.relreplident <> 'f' and not exists ("
                        + "select from pg_index i where i.indrelid = c.oid and (i.indisprimary or i.indisreplident))",
                schema);
    }

    @Test
    void everyTableHasOne() {
        try (PartitionFixture tables = PartitionFixture.create()) {
            PostgresLedger.of(tables.dataSource, tables.schema).install();
            tables.installRollups();
            assertThat(withoutIdentity(tables.schema)).isEmpty();
            List<String> during = new ArrayList<>();
            PostgresPartitions partitions = tables.partitions(settings -> settings.probe(point -> {
                if (!point.name().endsWith("UNCOMMITTED")) {
                    withoutIdentity(tables.schema).forEach(table -> during.add(point + ": " + table));
                }
            }));
            partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
            assertThat(during).isEmpty();
            partitions.createAhead();
            assertThat(withoutIdentity(tables.schema)).isEmpty();
            tables.run("alter table {s}.events drop constraint events_pkey cascade");
            assertThat(withoutIdentity(tables.schema))
                    .as("a table without one is found")
                    .isNotEmpty();
        }
    }
}
