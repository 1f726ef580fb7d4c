package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.clickhouse.jdbc.DataSourceImpl;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.servers.ClickHouseCluster;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import io.usagekit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import java.util.UUID;
import javax.sql.DataSource;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;

/** An application with the starter on PostgreSQL and two shards of ClickHouse, of which it knows the URL of one. */
@Tag("thorough")
class ClickHouseStarterIT {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private final MeterRegistry registry = new SimpleMeterRegistry();
    private final String schema =
            "starter_" + UUID.randomUUID().toString().substring(0, 8).replace('-', '_');

    @Test
    void figuresComeFromItsShardsAndAreErrorsWhileOneIsAway() {
        // ClickHouse comes from npm, which a machine with a JDK and Maven alone lacks; .ci/run installs it.
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(ClickHouseStarterIT.class));
        try (EmbeddedClickHouseCluster cluster = EmbeddedClickHouseCluster.start(2);
                PostgresServer postgres = PostgresServer.start()) {
            ClickHouseUsage.builder(new DataSourceImpl(cluster.jdbcUrls().get(1), new Properties()))
                    .cluster(cluster.name())
                    .build()
                    .install(); // the application installs its own
            Contexts.empty()
                    .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                    .withBean(DataSource.class, postgres::dataSource)
                    .withBean(MeterRegistry.class, () -> registry)
                    .withPropertyValues(
                            "usagekit.install=always",
                            "usagekit.calculator=rollups",
                            "usagekit.tables.schema=" + schema,
                            "usagekit.worker.pause=1d",
                            "usagekit.clickhouse.enabled=true",
                            "usagekit.clickhouse.url=" + cluster.jdbcUrls().get(0),
                            "usagekit.clickhouse.cluster=" + cluster.name(),
                            "usagekit.clickhouse.max-lag=1h",
                            "usagekit.clickhouse.feed.pause=1d",
                            "usagekit.clickhouse.pruning.cron=0 0 0 1 1 *")
                    .run(context -> {
                        insertEvent(postgres.dataSource());
                        RollupWorker roller = context.getBean(RollupWorker.class);
                        while (!roller.runOnce().finished()) {
                            Thread.onSpinWait();
                        }
                        assertThat(context.getBean(FeedWorker.class).runOnce().complete())
                                .isTrue();

                        UsageService service = context.getBean(UsageService.class);
                        UsageMetrics received =
                                service.get("org", MARCH).usage().orElseThrow().received();
                        assertThat(received).isEqualTo(new UsageMetrics(1, 10));
                        assertThat(count("usagekit.feed.figures", "source", "cells"))
                                .isEqualTo(1);
                        UsageKey key = new UsageKey("org", MARCH);
                        ClickHouseHistory history = context.getBean(ClickHouseHistory.class);
                        assertThat(history.calculate(key, Duration.ofMinutes(1)).received())
                                .isEqualTo(received);
                        MaintenanceJob pruning = context.getBean(MaintenanceJob.class);
                        pruning.run();
                        assertThat(pruning.lastRun().orElseThrow().outcome()).isEqualTo(MaintenanceJob.Outcome.DONE);

                        cluster.kill(1);
                        service.invalidate("org");
                        assertThatThrownBy(() -> service.get("org", MARCH))
                                .isInstanceOf(UsageCalculationException.class);
                        assertThat(count("usagekit.feed.reads.failed", "error", "transient"))
                                .isEqualTo(1);
                    });
        }
    }

    private double count(String name, String tag, String value) {
        return registry.get(name).tag(tag, value).counter().count();
    }

    private void insertEvent(DataSource dataSource) throws Exception {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(("insert into {s}.projects (id, organisation_id) values ('p', 'org');"
                            + "insert into {s}.events (id, project_id, raw, created_at)"
                            + " values ('e', 'p', 'ten octets', '2026-03-10T12:00Z')")
                    .replace("{s}", schema));
        }
    }
}
