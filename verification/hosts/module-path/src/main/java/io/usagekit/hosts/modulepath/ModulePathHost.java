package io.usagekit.hosts.modulepath;

import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.redis.RedisUsage;
import java.time.Duration;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Uses each feature of the adapters once. Arguments: JDBC URL, Redis URL, the schema to install. Prints one line per feature: its name and
 * what came of it.
 */
public final class ModulePathHost {

    private static final String ORGANISATION = "org-1";

    private ModulePathHost() {}

    /** Installs everything, records an event with a delivery, and reads the figure of its month in all ways. */
    public static void main(String... args) {
        print("module", String.valueOf(ModulePathHost.class.getModule().getName()));
        UsagePeriod month = UsagePeriod.month(YearMonth.now(ZoneOffset.UTC));
        TableMapping mapping = TableMapping.usagekit(args[2]);
        try (HikariDataSource dataSource = new HikariDataSource();
                RedisClient redis = RedisClient.create(args[1])) {
            dataSource.setJdbcUrl(args[0]);
            dataSource.setMaximumPoolSize(4);
            PostgresUsage.install(dataSource, args[2]);
            PostgresLedger ledger = PostgresLedger.of(dataSource, args[2]);
            ledger.install();
            PostgresRollups rollups = PostgresRollups.of(dataSource, mapping);
            rollups.install();
            print("ledger", record(ledger.repository(), month));
            try (RollupWorker worker = rollups.worker().build()) {
                print("roll-ups", "finished " + worker.runOnce().finished());
            }
            RedisUsage.Builder shared = RedisUsage.builder(redis).keyPrefix("modules-" + UUID.randomUUID());
            NearHits near = new NearHits();
            try (UsageService usage = UsageService.builder(rollups.calculator())
                    .cache(shared.buildNearCache())
                    .singleFlight(shared.buildSingleFlight())
                    .listener(near)
                    .build()) {
                print("figure", UsageResponseFormatter.plain().toJson(usage.get(ORGANISATION, month)));
                print("near cache", near.reachedBy(() -> usage.get(ORGANISATION, month)) ? "hit" : "no hit");
            }
            ClickHouseUsage clickHouse = ClickHouseUsage.builder(dataSource).build();
            print("clickhouse", clickHouse.ddl().lines().findFirst().orElseThrow());
            PostgresPartitions partitions = PostgresPartitions.of(dataSource, mapping);
            print(
                    "partitions",
                    partitions
                                    .partition(PartitionInterval.MONTH, new PartitionProgress() {})
                                    .copied() + " rows");
        }
    }

    private static String record(EventRepository events, UsagePeriod month) {
        events.save(new Project("p", ORGANISATION, "Project"));
        events.record(NewEvent.builder("p", "e")
                .payload(Payload.of("ten octets"))
                .endpointIds(List.of("x"))
                .build());
        events.recordDeliveries(List.of(new NewDelivery("d", "p", "e", "x", Delivery.SUCCESS, Optional.empty())));
        return events.received(new UsageKey(ORGANISATION, month), PageRequest.first(10, EventOrder.ASCENDING))
                        .items()
                        .size()
                + " events";
    }

    private static void print(String feature, String value) {
        System.out.println(feature + ": " + value);
    }

    /** Counts hits in memory, of which the first comes once the connection for client-side caching is ready. */
    private static final class NearHits implements UsageListener {

        private static final Duration PATIENCE = Duration.ofSeconds(20);

        private final AtomicInteger hits = new AtomicInteger();

        @Override
        public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
            if (tier == UsageListener.Tier.NEAR) {
                hits.incrementAndGet();
            }
        }

        boolean reachedBy(Runnable call) {
            long start = System.nanoTime();
            while (hits.get() == 0 && System.nanoTime() - start < PATIENCE.toNanos()) {
                call.run();
            }
            return hits.get() > 0;
        }
    }
}
