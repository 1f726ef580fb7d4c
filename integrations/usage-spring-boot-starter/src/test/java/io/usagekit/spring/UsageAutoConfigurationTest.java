package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import javax.sql.DataSource;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.springframework.scheduling.TaskScheduler;

/** Which beans there are under which conditions, and which of the host's take precedence. */
class UsageAutoConfigurationTest {

    private static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");

    @Test
    void createsNothingWithoutADataSourceOrACalculator() {
        Contexts.empty()
                .withPropertyValues("usagekit.ledger.enabled=true", "usagekit.partitions.cron=-")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(UsageService.class)
                        .doesNotHaveBean(UsageCalculator.class)
                        .doesNotHaveBean(TableMapping.class));
    }

    @Test
    void createsAServiceOverTheOwnTablesOfADataSource() {
        Contexts.withDataSource().run(context -> {
            assertThat(context)
                    .hasSingleBean(UsageService.class)
                    .hasSingleBean(UsageCalculator.class)
                    .hasSingleBean(ServiceLifecycle.class)
                    .doesNotHaveBean(UsageCache.class)
                    .doesNotHaveBean(SingleFlight.class)
                    .doesNotHaveBean(PostgresRollups.class)
                    .doesNotHaveBean(RollupWorker.class);
            assertThat(context.getBean(TableMapping.class).schema()).isEqualTo(TableMapping.DEFAULT_SCHEMA);
        });
    }

    @Test
    void createsNothingWhereItIsDisabled() {
        Contexts.withRedis()
                .withPropertyValues(
                        "usagekit.enabled=false",
                        "usagekit.calculator=rollups",
                        "usagekit.ledger.enabled=true",
                        "usagekit.partitions.cron=-")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(UsageService.class)
                        .doesNotHaveBean(UsageCalculator.class)
                        .doesNotHaveBean(UsageCache.class)
                        .doesNotHaveBean(UsageProperties.class));
    }

    @Test
    void rejectsAPropertyOfAnUnknownName() {
        Contexts.withDataSource()
                .withPropertyValues("usagekit.tll=5m")
                .run(context -> assertThat(context).getFailure().hasStackTraceContaining("usagekit.tll"));
    }

    @Nested
    class BeansOfTheHost {

        @Test
        void aCalculatorTakesPrecedenceAndNeedsNoTables() {
            StubDataSource wrongPassword = new StubDataSource(StubDataSource.INVALID_PASSWORD);
            InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
            Contexts.empty()
                    .withBean(StubDataSource.class, () -> wrongPassword)
                    .withBean(UsageCalculator.class, () -> calculator)
                    .run(context -> {
                        assertThat(context.getBean(UsageCalculator.class)).isSameAs(calculator);
                        assertThat(context.getBean(UsageService.class)
                                        .get("org-1", MARCH)
                                        .isPending())
                                .isFalse();
                        assertThat(calculator.computations()).isEqualTo(1);
                        assertThat(wrongPassword.connections()).isZero();
                    });
        }

        @Test
        void aCalculatorSufficesWithoutADataSource() {
            Contexts.empty()
                    .withBean(UsageCalculator.class, InMemoryUsageCalculator::create)
                    .run(context -> assertThat(context).hasSingleBean(UsageService.class));
        }

        @Test
        void aMappingTakesPrecedence() {
            TableMapping mapping = TableMapping.gateway("app");
            Contexts.withDataSource()
                    .withBean(TableMapping.class, () -> mapping)
                    .run(context ->
                            assertThat(context.getBean(TableMapping.class)).isSameAs(mapping));
        }

        @Test
        void rollupsAndAWorkerTakePrecedence() {
            PostgresRollups rollups = PostgresRollups.of(StubDataSource.down(), TableMapping.usagekit());
            RollupWorker worker = rollups.worker().build();
            Contexts.withDataSource()
                    .withPropertyValues("usagekit.calculator=rollups")
                    .withBean(PostgresRollups.class, () -> rollups)
                    .withBean(RollupWorker.class, () -> worker)
                    .run(context -> {
                        assertThat(context.getBean(PostgresRollups.class)).isSameAs(rollups);
                        assertThat(context.getBean(RollupWorker.class)).isSameAs(worker);
                        assertThat(context).hasBean("usageRollupWorkerLifecycle");
                    });
        }

        @Test
        void aCacheTakesPrecedenceAndKeepsTheFleetsSingleFlightOut() {
            UsageCache cache = InMemoryUsageCache.create();
            Contexts.withRedis().withBean(UsageCache.class, () -> cache).run(context -> {
                assertThat(context.getBean(UsageCache.class)).isSameAs(cache);
                assertThat(context).doesNotHaveBean(SingleFlight.class).hasSingleBean(UsageService.class);
            });
        }

        @Test
        void aSingleFlightTakesPrecedence() {
            SingleFlight singleFlight = SingleFlights.inProcess();
            Contexts.withRedis()
                    .withBean(SingleFlight.class, () -> singleFlight)
                    .run(context ->
                            assertThat(context.getBean(SingleFlight.class)).isSameAs(singleFlight));
        }

        @Test
        void aServiceTakesPrecedenceAndIsClosedInOrder() {
            UsageService service =
                    UsageService.builder(InMemoryUsageCalculator.create()).build();
            Contexts.withDataSource()
                    .withBean(UsageService.class, () -> service)
                    .run(context -> {
                        assertThat(context.getBean(UsageService.class)).isSameAs(service);
                        context.stop();
                        assertThatThrownBy(() -> service.get("org-1", MARCH)).isInstanceOf(IllegalStateException.class);
                    });
        }

        @Test
        void listenersAreNotifiedAndCustomizersAreCalledLast() {
            List<String> events = new CopyOnWriteArrayList<>();
            Contexts.empty()
                    .withBean(UsageCalculator.class, InMemoryUsageCalculator::create)
                    .withPropertyValues("usagekit.max-concurrent-computations=7", "usagekit.max-queued-computations=9")
                    .withBean("first", UsageListener.class, () -> new Recorder("first", events))
                    .withBean("second", UsageListener.class, () -> new Recorder("second", events))
                    .withBean(UsageServiceCustomizer.class, () -> builder -> builder.maxQueuedComputations(5))
                    .run(context -> {
                        UsageService service = context.getBean(UsageService.class);
                        service.get("org-1", MARCH);
                        assertThat(events).containsExactly("first org-1", "second org-1");
                        assertThat(service.stats().permits()).isEqualTo(7);
                        assertThat(service.stats().maxQueued()).isEqualTo(5);
                    });
        }

        private record Recorder(String name, List<String> events) implements UsageListener {
            @Override
            public void miss(UsageKey key) {
                events.add(name + " " + key.organisationId());
            }
        }
    }

    @Nested
    class Rollups {

        @Test
        void haveACalculatorAWorkerAndItsSchedule() {
            for (String spelling : List.of("rollups", "ROLLUPS", "roll-ups")) {
                Contexts.withDataSource()
                        .withPropertyValues("usagekit.calculator=" + spelling, "usagekit.worker.pause=1d")
                        .run(context -> {
                            assertThat(context).hasSingleBean(RollupWorker.class);
                            assertThat(context.getBean(PostgresRollups.class).schema())
                                    .isEqualTo("usagekit_rollups");
                            assertThat(context.getBean(UsageCalculator.class).getClass())
                                    .isEqualTo(context.getBean(PostgresRollups.class)
                                            .calculator()
                                            .getClass());
                            assertThat(context.getBean(BackgroundLifecycle.class)
                                            .isRunning())
                                    .isTrue();
                        });
            }
        }

        @Test
        void theWorkerRunsOnTheHostsScheduler() {
            RecordingScheduler scheduler = new RecordingScheduler();
            StubDataSource dataSource = StubDataSource.down();
            Contexts.empty()
                    .withBean(DataSource.class, () -> dataSource)
                    .withBean(TaskScheduler.class, () -> scheduler)
                    .withPropertyValues(
                            "usagekit.calculator=rollups", "usagekit.worker.pause=7s", "usagekit.install=never")
                    .run(context -> {
                        assertThat(scheduler.tasks()).singleElement().satisfies(run -> {
                            assertThat(run.when()).isEqualTo(Duration.ofSeconds(7));
                            assertThat(dataSource.connections()).isZero();
                            run.fire();
                            assertThat(context.getBean(RollupWorker.class).lastRun())
                                    .isPresent();
                            assertThat(dataSource.connections()).isPositive();
                        });
                    });
            assertThat(scheduler.tasks())
                    .singleElement()
                    .satisfies(run -> assertThat(run.isCancelled()).isTrue());
        }

        @Test
        void haveNoWorkerWhereItIsDisabled() {
            Contexts.withDataSource()
                    .withPropertyValues("usagekit.calculator=rollups", "usagekit.worker.enabled=false")
                    .run(context -> assertThat(context)
                            .hasSingleBean(PostgresRollups.class)
                            .doesNotHaveBean(RollupWorker.class)
                            .doesNotHaveBean(BackgroundLifecycle.class));
        }

        @Test
        void theWorkerIsClosedWithTheContext() {
            List<RollupWorker> workers = new ArrayList<>();
            Contexts.withDataSource()
                    .withPropertyValues("usagekit.calculator=rollups")
                    .run(context -> workers.add(context.getBean(RollupWorker.class)));
            assertThatThrownBy(() -> workers.get(0).runOnce())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }

        @Test
        void rawRowsHaveTheCalculatorOfTheCombinedQuery() {
            Contexts.withDataSource()
                    .run(context -> assertThat(
                                    context.getBean(UsageCalculator.class).getClass())
                            .isEqualTo(PostgresUsage.calculator(StubDataSource.down())
                                    .getClass()));
        }
    }

    @Nested
    class Outages {

        @Test
        void aPolicyOfFailingClosedComputesNothingWithoutRedis() {
            InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
            Contexts.withRedis()
                    .withBean(UsageCalculator.class, () -> calculator)
                    .withPropertyValues("usagekit.outage-policy=fail-closed")
                    .run(context -> {
                        UsageService service = context.getBean(UsageService.class);
                        assertThatThrownBy(() -> service.get("org-1", MARCH))
                                .isInstanceOf(UsageUnavailableException.class);
                        assertThat(calculator.computations()).isZero();
                    });
        }
    }
}
