package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Operations;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Each operation works with as few connections as it documents, or says how many it needs before it changes anything. */
@Tag("thorough")
class SmallPoolIT {

    /** The operations that need more than one connection. */
    private static final Map<String, Integer> NEEDED =
            Map.of("partition", 3, "unpartition", 3, "createAhead", 2, "dropExpired", 2);

    private final String schema = Database.newSchema("small_pool");

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema + "_partitions");
    }

    /** A pool that has connected all of its connections, and lets nobody wait long for one that is in use. */
    private static HikariDataSource pool(int size) {
        HikariDataSource pool = Database.newPool(size);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (pool.getHikariPoolMXBean().getIdleConnections() < size) {
            assertThat(System.nanoTime()).as("all are connected").isLessThan(deadline);
            Thread.onSpinWait();
        }
        pool.getHikariConfigMXBean().setConnectionTimeout(500);
        return pool;
    }

    /** Rows that retention would delete, and every relation of the tables and of what the library keeps about them. */
    private List<String> state() {
        List<String> state = new ArrayList<>(Database.column(
                "select concat(n.nspname, '.', c.relname, ' ', c.oid) from pg_class c"
                        + " join pg_namespace n on n.oid = c.relnamespace where n.nspname in (?, ?, ?) order by 1",
                schema,
                schema + "_rollups",
                schema + "_partitions"));
        state.add(Database.query("select count(*) from " + Identifiers.qualified(schema, "events")) + " events");
        return state;
    }

    @Test
    void eachOperationWorksOrSaysHowManyConnectionsItNeeds() {
        Map<Integer, HikariDataSource> pools = new LinkedHashMap<>();
        try {
            for (int size = 1; size <= 3; size++) {
                pools.put(size, pool(size));
            }
            for (Map.Entry<String, Consumer<DataSource>> operation :
                    Operations.on(schema).entrySet()) {
                int needed = NEEDED.getOrDefault(operation.getKey(), 1);
                pools.forEach((size, pool) -> {
                    if (size < needed) {
                        assertRefused(operation, pool, size, needed);
                    } else if (size == needed) {
                        pool.getHikariConfigMXBean().setConnectionTimeout(30_000);
                        operation.getValue().accept(pool);
                        pool.getHikariConfigMXBean().setConnectionTimeout(500);
                    }
                });
            }
        } finally {
            pools.values().forEach(HikariDataSource::close);
        }
    }

    private void assertRefused(
            Map.Entry<String, Consumer<DataSource>> operation, DataSource pool, int size, int needed) {
        Operations.run("ledger.record of an old event", schema, Database.pool());
        List<String> before = state();
        assertThatThrownBy(() -> operation.getValue().accept(pool))
                .as(operation.getKey())
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(
                        "it needs " + needed + " connections at the same time, and the DataSource handed out " + size
                                + "; raise the maximum size of the pool to " + needed + " at least");
        assertThat(state()).as(operation.getKey()).containsExactlyElementsOf(before);
    }
}
