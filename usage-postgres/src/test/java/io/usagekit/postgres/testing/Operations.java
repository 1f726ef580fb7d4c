package io.usagekit.postgres.testing;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import javax.sql.DataSource;

/** Every operation of the module that takes connections of a host's data source, in an order in which all of them have work. */
public final class Operations {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private Operations() {}

    /** Returns the operations on the library's own tables in a schema, by their names. */
    public static Map<String, Consumer<DataSource>> on(String schema) {
        Map<String, Consumer<DataSource>> all = new LinkedHashMap<>();
        TableMapping mapping = TableMapping.usagekit(schema);
        all.put("install", pool -> PostgresUsage.install(pool, schema));
        all.put("installIndexes", pool -> PostgresUsage.installIndexes(pool, mapping));
        all.put("ledger.install", pool -> PostgresLedger.of(pool, schema).install());
        all.put("rollups.ddl", pool -> PostgresRollups.of(pool, mapping).ddl());
        all.put("rollups.install", pool -> PostgresRollups.of(pool, mapping).install());
        all.put("discover", pool -> PostgresUsage.discover(pool, schema));
        all.put("calculate", pool -> PostgresUsage.calculator(pool, mapping).calculate(KEY, TIMEOUT));
        all.put("ledger.save", pool -> ledger(pool, schema).save(new Project("p", "org-123", "one")));
        all.put("ledger.record", pool -> record(pool, schema, Instant.now()));
        all.put("ledger.record of an old event", pool -> record(pool, schema, daysAgo(95)));
        all.put("ledger.countMessages", pool -> ledger(pool, schema).countMessages("p"));
        all.put("ledger.tokenise", pool -> ledger(pool, schema).tokenise("p", EventWindow.ALL));
        all.put("ledger.deleteTokens", pool -> ledger(pool, schema).deleteTokens("p", EventWindow.ALL));
        all.put(
                "ledger.export",
                pool -> ledger(pool, schema)
                        .export(ExportRequest.builder("p", Instant.now()).build(), OutputStream.nullOutputStream()));
        all.put("worker.runOnce", pool -> {
            try (RollupWorker worker =
                    PostgresRollups.of(pool, mapping).worker().build()) {
                worker.runOnce();
            }
        });
        all.put("rollups.status", pool -> PostgresRollups.of(pool, mapping).status());
        all.put(
                "rollups.calculate",
                pool -> PostgresRollups.of(pool, mapping).calculator().calculate(KEY, TIMEOUT));
        all.put("rollups.byProject", pool -> PostgresRollups.of(pool, mapping).byProject(KEY, TIMEOUT));
        all.put("rollups.verify", pool -> PostgresRollups.of(pool, mapping).verify(new VerificationProgress() {}));
        all.put("rollups.repair", pool -> PostgresRollups.of(pool, mapping).repair(new VerificationProgress() {}));
        all.put(
                "partition",
                pool -> PostgresPartitions.of(pool, mapping)
                        .partition(PartitionInterval.MONTH, PartitionProgress.NONE));
        all.put(
                "partitions.status",
                pool -> PostgresPartitions.of(pool, mapping).status());
        all.put(
                "createAhead",
                pool -> PostgresPartitions.builder(pool)
                        .mapping(mapping)
                        .ahead(5)
                        .build()
                        .createAhead());
        all.put(
                "rollups.deleteBefore",
                pool -> PostgresRollups.of(pool, mapping).deleteBefore(daysAgo(60), new RetentionProgress() {}));
        all.put(
                "dropExpired",
                pool -> PostgresPartitions.of(pool, mapping).dropExpired(daysAgo(30), new RetentionProgress() {}));
        all.put("unpartition", pool -> PostgresPartitions.of(pool, mapping).unpartition(PartitionProgress.NONE));
        all.put("ledger.delete", pool -> ledger(pool, schema).delete("p", EventWindow.ALL));
        all.put("ledger.deleteForGood", pool -> ledger(pool, schema).deleteForGood("p", EventWindow.ALL));
        all.put(
                "rollups.removeWithRetained",
                pool -> PostgresRollups.of(pool, mapping).removeWithRetained());
        return all;
    }

    /** Runs one of the operations. */
    public static void run(String name, String schema, DataSource pool) {
        Objects.requireNonNull(on(schema).get(name), name).accept(pool);
    }

    private static EventRepository ledger(DataSource pool, String schema) {
        return PostgresLedger.of(pool, schema).repository();
    }

    private static void record(DataSource pool, String schema, Instant createdAt) {
        ledger(pool, schema)
                .record(NewEvent.builder("p", UUID.randomUUID().toString())
                        .createdAt(createdAt)
                        .build());
    }

    private static Instant daysAgo(int days) {
        return Instant.now().minus(days, ChronoUnit.DAYS).truncatedTo(ChronoUnit.MICROS);
    }
}
