package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.micrometer.ObservedCalculator;
import io.usagekit.micrometer.PartitionMeters;
import io.usagekit.micrometer.RollupMeters;
import io.usagekit.micrometer.UsageMeters;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.spring.UsageAutoConfiguration.CalculatorDecorator;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootVersion;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.scheduling.TaskScheduler;

/** Which meters there are under which conditions, and that a scrape has them. */
class UsageMetricsAutoConfigurationTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
    private final RecordingScheduler scheduler = new RecordingScheduler();

    @Test
    void aScrapeHasTheMetersOfAFigure() {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        raw().withBean(MeterRegistry.class, () -> registry).run(context -> {
            context.getBean(UsageService.class).get("org-1", MARCH);

            assertThat(registry.scrape().lines())
                    .contains(
                            "usagekit_misses_total 1.0",
                            "usagekit_computations_seconds_count 1",
                            "usagekit_permits_max 4.0",
                            "usagekit_permits_used 0.0")
                    .noneMatch(line -> line.contains("org-1"));
            assertThat(context).doesNotHaveBean(RollupMeters.class).doesNotHaveBean(PartitionMeters.class);
        });
    }

    /** Fails where the registries' auto-configuration has another name than the one that this waits for. */
    @Test
    void theActuatorsRegistriesAreFound() throws ClassNotFoundException {
        raw().withConfiguration(AutoConfigurations.of(actuator(
                        "metrics.MetricsAutoConfiguration",
                        "metrics.CompositeMeterRegistryAutoConfiguration",
                        "metrics.export.simple.SimpleMetricsExportAutoConfiguration",
                        "observation.ObservationAutoConfiguration")))
                .run(context -> {
                    context.getBean(UsageService.class).get("org-1", MARCH);
                    MeterRegistry registry = context.getBean(MeterRegistry.class);
                    assertThat(registry.get("usagekit.misses").counter().count())
                            .isEqualTo(1);
                    assertThat(registry.get("usagekit.permits.max").gauge().value())
                            .isEqualTo(4);
                    assertThat(registry.get(ObservedCalculator.NAME).timer().count())
                            .as("the Actuator's handler measures observations")
                            .isEqualTo(1);
                    assertThat(context.getBean(UsageCalculator.class)).isSameAs(calculator);
                });
    }

    private static Class<?>[] actuator(String... names) throws ClassNotFoundException {
        boolean is3 = SpringBootVersion.getVersion().startsWith("3.");
        Class<?>[] types = new Class<?>[names.length];
        for (int i = 0; i < names.length; i++) {
            String name = names[i];
            types[i] = Class.forName(
                    is3
                            ? "org.springframework.boot.actuate.autoconfigure." + name
                            : "org.springframework.boot.micrometer."
                                    + name.replaceFirst("^(metrics|observation)\\.", "$1.autoconfigure."));
        }
        return types;
    }

    @Test
    void computationsAreObserved() {
        List<String> observed = new CopyOnWriteArrayList<>();
        ObservationRegistry registry = ObservationRegistry.create();
        registry.observationConfig().observationHandler(context -> observed.add(context.getName()));
        raw().withBean(ObservationRegistry.class, () -> registry).run(context -> {
            assertThat(context).doesNotHaveBean(UsageMeters.class);
            context.getBean(UsageService.class).get("org-1", MARCH);
            assertThat(observed).containsExactly(ObservedCalculator.NAME);
        });
    }

    @Test
    void rollupsAreSampledOnTheHostsScheduler() {
        MeterRegistry registry = new SimpleMeterRegistry();
        rollups()
                .withBean(MeterRegistry.class, () -> registry)
                .withPropertyValues("usagekit.worker.enabled=false")
                .run(context -> {
                    assertThat(scheduler.tasks()).singleElement().satisfies(sampling -> {
                        assertThat(sampling.when()).isEqualTo(Duration.ofSeconds(15));
                        sampling.fire();
                    });
                    assertThat(failedSamples(registry))
                            .as("of a database that is down")
                            .isEqualTo(1);
                });
        assertThat(scheduler.tasks())
                .singleElement()
                .satisfies(sampling -> assertThat(sampling.isCancelled()).isTrue());
    }

    @Test
    void verificationsAndRetentionHaveMeters() {
        rollups()
                .withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .run(context -> assertThat(context)
                        .hasSingleBean(VerificationProgress.class)
                        .hasSingleBean(RetentionProgress.class));
    }

    @Test
    void runsOfTheWorkerAreCounted() {
        MeterRegistry registry = new SimpleMeterRegistry();
        rollups().withBean(MeterRegistry.class, () -> registry).run(context -> {
            scheduler.tasks().forEach(RecordingScheduler.Scheduled::fire);
            assertThat(registry.get("usagekit.rollups.runs")
                            .tag("outcome", "failed")
                            .timer()
                            .count())
                    .isEqualTo(1);
        });
    }

    private static double failedSamples(MeterRegistry registry) {
        return registry.get("usagekit.rollups.status.failures").counters().stream()
                .mapToDouble(counter -> counter.count())
                .sum();
    }

    @Test
    void aRewriteOfTheHostsHasMeters() {
        raw().withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .withBean(
                        PostgresPartitions.class,
                        () -> PostgresPartitions.of(StubDataSource.down(), TableMapping.usagekit()))
                .run(context -> assertThat(context).hasSingleBean(PartitionMeters.class));
    }

    @Test
    void metersOfTheHostsTakePrecedence() {
        MeterRegistry registry = new SimpleMeterRegistry();
        raw().withBean(MeterRegistry.class, () -> registry)
                .withBean(UsageMeters.class, () -> UsageMeters.of(registry, Tags.of("service", "billing")))
                .run(context -> {
                    context.getBean(UsageService.class).get("org-1", MARCH);
                    assertThat(registry.get("usagekit.misses").counters())
                            .singleElement()
                            .satisfies(misses -> {
                                assertThat(misses.getId().getTag("service")).isEqualTo("billing");
                                assertThat(misses.count()).isEqualTo(1);
                            });
                });
    }

    @Test
    void metersOfRollupsAndPartitionsOfTheHostsTakePrecedence() {
        MeterRegistry registry = new SimpleMeterRegistry();
        RollupMeters ofRollups = RollupMeters.of(registry);
        PartitionMeters ofPartitions = PartitionMeters.of(registry);
        rollups()
                .withPropertyValues("usagekit.partitions.cron=-")
                .withBean(MeterRegistry.class, () -> registry)
                .withBean(RollupMeters.class, () -> ofRollups)
                .withBean(PartitionMeters.class, () -> ofPartitions)
                .run(context -> {
                    assertThat(context.getBean(RollupMeters.class)).isSameAs(ofRollups);
                    assertThat(context.getBean(PartitionMeters.class)).isSameAs(ofPartitions);
                });
    }

    @Test
    void thereAreNoneWhereTheLibraryIsOff() {
        raw().withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .withBean(ObservationRegistry.class, ObservationRegistry::create)
                .withPropertyValues("usagekit.enabled=false")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(UsageMeters.class)
                        .doesNotHaveBean(CalculatorDecorator.class));
    }

    @Test
    void aHostMayTurnMetersOff() {
        MeterRegistry registry = new SimpleMeterRegistry();
        rollups()
                .withBean(MeterRegistry.class, () -> registry)
                .withBean(ObservationRegistry.class, ObservationRegistry::create)
                .withPropertyValues("usagekit.metrics.enabled=false")
                .run(context -> {
                    assertThat(context)
                            .hasSingleBean(UsageService.class)
                            .doesNotHaveBean(UsageMeters.class)
                            .doesNotHaveBean(RollupMeters.class)
                            .doesNotHaveBean(CalculatorDecorator.class);
                    assertThat(registry.getMeters()).isEmpty();
                });
    }

    @Test
    void aHostWithoutMicrometerHasNone() {
        for (String missing : List.of("io.micrometer", "io.usagekit.micrometer")) {
            rollups()
                    .withClassLoader(new FilteredClassLoader(missing))
                    .run(context -> assertThat(context)
                            .hasNotFailed()
                            .hasSingleBean(UsageService.class)
                            .doesNotHaveBean("usageMeters"));
        }
    }

    @Test
    void aHostWithoutARegistryHasNone() {
        rollups()
                .run(context -> assertThat(context)
                        .hasSingleBean(UsageService.class)
                        .doesNotHaveBean(UsageMeters.class)
                        .doesNotHaveBean(RollupMeters.class)
                        .doesNotHaveBean(CalculatorDecorator.class));
    }

    private ApplicationContextRunner raw() {
        return Contexts.empty()
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(UsageCalculator.class, () -> calculator);
    }

    private ApplicationContextRunner rollups() {
        return Contexts.empty()
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(DataSource.class, StubDataSource::down)
                .withBean(TaskScheduler.class, () -> scheduler)
                .withPropertyValues("usagekit.calculator=rollups", "usagekit.install=never");
    }
}
