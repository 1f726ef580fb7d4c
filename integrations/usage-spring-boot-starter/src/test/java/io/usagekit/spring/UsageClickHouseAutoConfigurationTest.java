package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.micrometer.FeedMeters;
import io.usagekit.micrometer.HistoryMeters;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.UsageReports;
import io.usagekit.spring.UsageClickHouseAutoConfiguration.Connections;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.scheduling.TaskScheduler;

/** Which beans of ClickHouse there are under which conditions; nothing is installed, and both servers are down. */
class UsageClickHouseAutoConfigurationTest {

    private static final String URL = "usagekit.clickhouse.url=jdbc:ch://127.0.0.1:1";
    private static final StubDataSource CLICKHOUSE = StubDataSource.down();

    private final RecordingScheduler scheduler = new RecordingScheduler();

    /** With roll-ups. */
    private ApplicationContextRunner rollups(String... properties) {
        return Contexts.withDataSource()
                .withBean(TaskScheduler.class, () -> scheduler)
                .withPropertyValues(
                        "usagekit.install=never", "usagekit.calculator=rollups", "usagekit.clickhouse.enabled=true")
                .withPropertyValues(properties);
    }

    /** Without PostgreSQL. */
    private static ApplicationContextRunner alone(String... properties) {
        return Contexts.empty()
                .withPropertyValues(
                        "usagekit.install=never",
                        "usagekit.clickhouse.enabled=true",
                        "usagekit.clickhouse.max-lag=10m",
                        URL)
                .withPropertyValues(properties);
    }

    @Configuration(proxyBeanMethods = false)
    static class Qualified {
        // tag::quote
        @Bean(defaultCandidate = false)
        @UsageDataSource(UsageDataSource.Server.CLICKHOUSE)
        DataSource clickHouse() {
            return CLICKHOUSE;
        }
        // end::quote
    }

    @Configuration(proxyBeanMethods = false)
    static class PrimaryOfAnotherPurpose {
        @Bean
        @Primary
        DataSource reports() {
            return StubDataSource.down();
        }
    }

    @Test
    void rollupsAreFedByAWorkerAndReadWithCells() {
        rollups(URL).run(context -> {
            assertThat(context)
                    .hasSingleBean(ClickHouseUsage.class)
                    .hasSingleBean(RollupFeed.class)
                    .hasSingleBean(CellReader.class)
                    .hasSingleBean(CellStore.class)
                    .hasSingleBean(FeedWorker.class)
                    .hasSingleBean(UsageService.class)
                    .doesNotHaveBean(ClickHouseHistory.class)
                    .doesNotHaveBean(MaintenanceJob.class);
            assertThat(scheduler.tasks())
                    .as("of the workers of roll-ups and of the feed")
                    .hasSize(2)
                    .allSatisfy(task -> assertThat(task.when()).isEqualTo(Duration.ofSeconds(10)));
        });
        assertThat(scheduler.tasks())
                .allSatisfy(task -> assertThat(task.isCancelled()).isTrue());
    }

    @Test
    void nothingIsThereUnlessItIsEnabled() {
        for (String property : List.of("usagekit.clickhouse.enabled=false", "usagekit.enabled=false")) {
            rollups(URL, property)
                    .run(context -> assertThat(context)
                            .hasNotFailed()
                            .doesNotHaveBean(ClickHouseUsage.class)
                            .doesNotHaveBean(Connections.class)
                            .doesNotHaveBean(RollupFeed.class)
                            .doesNotHaveBean(FeedWorker.class));
        }
    }

    @Test
    void theModuleIsNeededWhereItIsEnabledAndOnlyThere() {
        FilteredClassLoader without = new FilteredClassLoader("io.usagekit.clickhouse");
        rollups(URL).withClassLoader(without).run(context -> {
            assertThat(Failures.of(context))
                    .hasMessage("usagekit.clickhouse.enabled is true, but usage-clickhouse isn't on the class path");
            assertThat(Failures.of(context).action()).contains("io.usagekit:usage-clickhouse");
        });
        rollups("usagekit.clickhouse.enabled=false")
                .withClassLoader(without)
                .run(context ->
                        assertThat(context).hasSingleBean(UsageService.class).doesNotHaveBean(RollupFeed.class));
    }

    @Test
    void aProcessMayReadWithoutAWorker() {
        rollups(URL, "usagekit.clickhouse.feed.enabled=false").run(context -> {
            assertThat(context)
                    .hasSingleBean(RollupFeed.class)
                    .hasSingleBean(CellReader.class)
                    .doesNotHaveBean(FeedWorker.class);
            assertThat(scheduler.tasks()).as("of the roll-ups' worker").hasSize(1);
        });
    }

    @Test
    void propertiesReachTheTablesAndTheSchedule() {
        rollups(
                        URL,
                        "usagekit.clickhouse.database=sums",
                        "usagekit.clickhouse.cluster=main",
                        "usagekit.clickhouse.engine=ReplicatedMergeTree('/tables/{shard}/{table}', '{replica}')",
                        "usagekit.clickhouse.on-cluster=true",
                        "usagekit.clickhouse.username=usage",
                        "usagekit.clickhouse.password=secret",
                        "usagekit.clickhouse.feed.pause=3s")
                .run(context -> {
                    ClickHouseUsage clickHouse = context.getBean(ClickHouseUsage.class);
                    assertThat(clickHouse.database()).isEqualTo("sums");
                    assertThat(clickHouse.ddl())
                            .contains("`sums`.cell_local on cluster `main`", "engine = ReplicatedMergeTree('/tables/");
                    HikariDataSource pool = (HikariDataSource) context.getBean(Connections.class).dataSource;
                    assertThat(pool.getUsername()).isEqualTo("usage");
                    assertThat(pool.getPassword()).isEqualTo("secret");
                    assertThat(pool.getDataSourceProperties()).isEqualTo(Map.of("socket_timeout", "15000"));
                    assertThat(pool.getInitializationFailTimeout())
                            .as("ClickHouse may be away when the application starts")
                            .isNegative();
                    assertThat(scheduler.tasks())
                            .extracting(RecordingScheduler.Scheduled::when)
                            .containsExactlyInAnyOrder(Duration.ofSeconds(10), Duration.ofSeconds(3));
                });
    }

    /** A property of the driver that the URL has isn't replaced. */
    @Test
    void theUrlHasTheLastWord() {
        rollups(URL + "?socket_timeout=3000").run(context -> {
            HikariDataSource pool = (HikariDataSource) context.getBean(Connections.class).dataSource;
            assertThat(pool.getDataSourceProperties()).isEmpty();
        });
    }

    @Test
    void thePoolIsNoDataSourceOfTheHostsAndIsClosedWithTheContext() {
        List<HikariDataSource> pools = new ArrayList<>();
        alone().run(context -> {
            assertThat(context).doesNotHaveBean(DataSource.class);
            pools.add((HikariDataSource) context.getBean(Connections.class).dataSource);
            assertThat(pools.get(0).isClosed()).isFalse();
        });
        assertThat(pools)
                .singleElement()
                .satisfies(pool -> assertThat(pool.isClosed()).isTrue());
    }

    @Test
    void theQualifiedDataSourceIsTaken() {
        rollups().withUserConfiguration(Qualified.class).run(context -> {
            assertThat(context.getBean(Connections.class).dataSource).isSameAs(CLICKHOUSE);
            assertThat(context.getBean(UsageDatabase.class).dataSource()).isNotSameAs(CLICKHOUSE);
        });
        rollups(URL)
                .withUserConfiguration(Qualified.class)
                .run(context -> assertThat(Failures.of(context)).hasMessageContaining("usagekit.clickhouse.url"));
    }

    @Test
    void anotherDataSourceIsNeverTaken() {
        rollups().withUserConfiguration(PrimaryOfAnotherPurpose.class).run(context -> {
            assertThat(Failures.of(context))
                    .hasMessage("usagekit.clickhouse.enabled is true, but nothing says where ClickHouse is");
            assertThat(Failures.of(context).action())
                    .contains("usagekit.clickhouse.url", "@UsageDataSource(CLICKHOUSE)");
        });
    }

    @Test
    void rollupsOrALagAreNeeded() {
        rollups(URL, "usagekit.calculator=raw").run(context -> {
            assertThat(Failures.of(context)).hasMessageContaining("there are no roll-ups to feed it");
            assertThat(Failures.of(context).action()).contains("usagekit.calculator=rollups");
        });
        Contexts.empty()
                .withPropertyValues("usagekit.clickhouse.enabled=true", URL)
                .run(context -> assertThat(Failures.of(context)).hasMessageContaining("usagekit.clickhouse.max-lag"));
    }

    @Test
    void historyIsTheCalculatorWhereThereIsNoOtherOne() {
        alone().run(context -> {
            assertThat(context)
                    .hasSingleBean(UsageService.class)
                    .hasSingleBean(UsageCalculator.class)
                    .hasSingleBean(ClickHouseHistory.class)
                    .doesNotHaveBean(RollupFeed.class)
                    .doesNotHaveBean(CellStore.class);
        });
    }

    @Test
    void historyStandsBesideTheCalculatorOfRollups() {
        rollups(URL, "usagekit.clickhouse.max-lag=10m").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class).hasSingleBean(ClickHouseHistory.class);
            assertThat(context.getBean(UsageCalculator.class)).isNotInstanceOf(ClickHouseHistory.class);
            assertThat(context.getBeansOfType(UsageReports.class))
                    .as("of history, of roll-ups, and of both")
                    .hasSize(3);
            assertThat(context.getBean(UsageReports.class)).isSameAs(context.getBean("usageReports"));
        });
    }

    @Test
    void reportsAreThoseOfTheHostOfHistoryOrOfRollups() {
        ClickHouseUsage clickHouse = ClickHouseUsage.builder(CLICKHOUSE).build();
        UsageReports own = clickHouse.reports(PostgresRollups.of(StubDataSource.down(), TableMapping.usagekit())
                .feed());
        rollups(URL)
                .withBean("mine", UsageReports.class, () -> own, definition -> definition.setPrimary(true))
                .run(context -> assertThat(context.getBean(UsageReports.class)).isSameAs(own));
        rollups(URL)
                .withBean("mine", UsageReports.class, () -> own)
                .run(context -> assertThat(context).doesNotHaveBean("usageReports"));
        rollups("usagekit.clickhouse.enabled=false")
                .run(context -> assertThat(context.getBean(UsageReports.class))
                        .isSameAs(context.getBean(PostgresRollups.class)));
        alone().run(context ->
                assertThat(context.getBean(UsageReports.class)).isSameAs(context.getBean(ClickHouseHistory.class)));
    }

    @Test
    void beansOfTheHostsTakePrecedence() {
        ClickHouseUsage clickHouse = ClickHouseUsage.builder(CLICKHOUSE).build();
        RollupFeed feed = PostgresRollups.of(StubDataSource.down(), TableMapping.usagekit())
                .feed();
        CellReader reader = clickHouse.reader();
        CellStore store = clickHouse.store();
        FeedWorker worker = feed.worker(store).build();
        rollups("usagekit.clickhouse.max-lag=10m")
                .withBean(ClickHouseUsage.class, () -> clickHouse)
                .withBean(RollupFeed.class, () -> feed)
                .withBean(CellReader.class, () -> reader)
                .withBean(CellStore.class, () -> store)
                .withBean(FeedWorker.class, () -> worker)
                .run(context -> {
                    assertThat(context).doesNotHaveBean(Connections.class);
                    assertThat(context.getBean(ClickHouseUsage.class)).isSameAs(clickHouse);
                    assertThat(context.getBean(RollupFeed.class)).isSameAs(feed);
                    assertThat(context.getBean(CellReader.class)).isSameAs(reader);
                    assertThat(context.getBean(CellStore.class)).isSameAs(store);
                    assertThat(context.getBean(FeedWorker.class)).isSameAs(worker);
                    assertThat(scheduler.tasks()).hasSize(2);
                });
        assertThatThrownBy(worker::runOnce).as("closed with the context").isInstanceOf(IllegalStateException.class);
    }

    @Test
    void replacedCellsAreRemovedOnASchedule() {
        rollups(URL, "usagekit.clickhouse.pruning.cron=0 30 4 * * *").run(context -> {
            assertThat(context.getBean(MaintenanceJob.class).name()).isEqualTo("clickhouse.pruning");
            assertThat(scheduler.tasks()).hasSize(3);
        });
    }

    @Test
    void theTablesAreInstalledOrValidated() {
        StubDataSource refusing = new StubDataSource("HY000") {
            @Override
            public Connection getConnection() throws SQLException {
                throw new SQLException("wrong password", "HY000", 516);
            }
        };
        qualified(refusing, "validate")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContainingAll(
                                "usagekit.install is validate, and the tables in the database usagekit of ClickHouse",
                                "wrong password"));
        qualified(CLICKHOUSE, "validate")
                .run(context -> assertThat(context).as("in an outage").hasSingleBean(UsageService.class));
        qualified(CLICKHOUSE, "always")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining(
                                "usagekit.install is always, and the tables in the database usagekit of ClickHouse"));
    }

    private static ApplicationContextRunner qualified(DataSource dataSource, String install) {
        return Contexts.empty()
                .withBean(
                        ClickHouseUsage.class,
                        () -> ClickHouseUsage.builder(dataSource).build())
                .withPropertyValues(
                        "usagekit.clickhouse.enabled=true",
                        "usagekit.clickhouse.max-lag=10m",
                        "usagekit.install=" + install);
    }

    @Test
    void aFigureOfHistoryFailsWhereClickHouseIsAway() {
        qualified(CLICKHOUSE, "never").run(context -> {
            UsageService service = context.getBean(UsageService.class);
            assertThatThrownBy(() -> service.get("org-1", UsagePeriod.parse("2026-03")))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("the stub refuses connections");
        });
    }

    @Test
    void historyHasMeters() {
        MeterRegistry registry = new SimpleMeterRegistry();
        metered(registry).withPropertyValues("usagekit.clickhouse.max-lag=10m").run(context -> {
            UsageKey key = new UsageKey("org-1", UsagePeriod.parse("2026-03"));
            ClickHouseHistory history = context.getBean(ClickHouseHistory.class);
            assertThatThrownBy(() -> history.calculate(key, Duration.ofSeconds(1)))
                    .isInstanceOf(UsageCalculationException.class);
            assertThat(registry.get("usagekit.history.failed").counters())
                    .anySatisfy(failures -> assertThat(failures.count()).isEqualTo(1));
        });
    }

    @Test
    void theFeedHasMeters() {
        MeterRegistry registry = new SimpleMeterRegistry();
        metered(registry).run(context -> {
            assertThat(context).hasSingleBean(FeedMeters.class);
            scheduler.tasks().forEach(RecordingScheduler.Scheduled::fire);
            assertThat(registry.get("usagekit.feed.status.failures").counters())
                    .as("a sample of a database that is down")
                    .anySatisfy(failures -> assertThat(failures.count()).isEqualTo(1));
            assertThat(registry.get("usagekit.feed.runs")
                            .tag("outcome", "failed")
                            .timer()
                            .count())
                    .isEqualTo(1);
        });
        metered(registry).run(context -> assertThat(context).doesNotHaveBean(HistoryMeters.class));
        FeedMeters tagged = FeedMeters.of(registry, Tags.of("service", "billing"));
        metered(registry)
                .withBean(FeedMeters.class, () -> tagged)
                .run(context -> assertThat(context.getBean(FeedMeters.class)).isSameAs(tagged));
    }

    private ApplicationContextRunner metered(MeterRegistry registry) {
        return rollups(URL)
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(MeterRegistry.class, () -> registry);
    }
}
