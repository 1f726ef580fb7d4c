package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageService;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.CreateAheadResult;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.spring.actuate.UsageActuatorAutoConfiguration;
import io.usagekit.spring.actuate.UsageEndpoint;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.Trigger;
import org.springframework.scheduling.support.SimpleTriggerContext;

/** Which jobs and ledger there are under which properties, when jobs run, and what is said of them. StarterIT has a database. */
class UsageMaintenanceAutoConfigurationTest {

    private final RecordingScheduler scheduler = new RecordingScheduler();

    private ApplicationContextRunner context(String... properties) {
        return Contexts.withDataSource()
                .withConfiguration(AutoConfigurations.of(UsageActuatorAutoConfiguration.class))
                .withBean(TaskScheduler.class, () -> scheduler)
                .withPropertyValues("usagekit.install=never", "usagekit.worker.enabled=false")
                .withPropertyValues(properties);
    }

    private static Instant next(RecordingScheduler.Scheduled task, String now) {
        Clock clock = Clock.fixed(Instant.parse(now), ZoneOffset.UTC);
        return ((Trigger) task.when()).nextExecution(new SimpleTriggerContext(clock));
    }

    @Test
    void nothingIsThereUnlessItIsSet() {
        context("usagekit.calculator=rollups").run(context -> {
            assertThat(context)
                    .hasSingleBean(UsageService.class)
                    .doesNotHaveBean(PostgresPartitions.class)
                    .doesNotHaveBean(MaintenanceJob.class)
                    .doesNotHaveBean(PostgresLedger.class)
                    .doesNotHaveBean(EventRepository.class);
            assertThat(scheduler.tasks()).isEmpty();
        });
    }

    @Test
    void partitionsAreCreatedWhenTheCronSaysSo() {
        context("usagekit.partitions.cron=0 30 2 * * *", "usagekit.partitions.zone=Asia/Kolkata")
                .run(context -> {
                    assertThat(context).hasSingleBean(PostgresPartitions.class).hasSingleBean(MaintenanceJob.class);
                    assertThat(scheduler.tasks())
                            .singleElement()
                            .satisfies(task -> assertThat(next(task, "2026-03-10T00:00:00Z"))
                                    .isEqualTo("2026-03-10T21:00:00Z"));
                });
        assertThat(scheduler.tasks())
                .singleElement()
                .satisfies(task -> assertThat(task.isCancelled()).isTrue());
    }

    @Test
    void rowsAreDeletedWhenTheCronSaysSo() {
        context(
                        "usagekit.calculator=rollups",
                        "usagekit.retention.cron=0 30 3 * * *",
                        "usagekit.retention.zone=Asia/Kolkata",
                        "usagekit.retention.keep=400d")
                .run(context -> assertThat(scheduler.tasks())
                        .singleElement()
                        .satisfies(task ->
                                assertThat(next(task, "2026-03-10T00:00:00Z")).isEqualTo("2026-03-10T22:00:00Z")));
    }

    @Test
    void aDashHasThePartitionsWithoutASchedule() {
        context("usagekit.partitions.cron=-", "usagekit.retention.cron=-")
                .run(context -> assertThat(context)
                        .hasSingleBean(PostgresPartitions.class)
                        .doesNotHaveBean(MaintenanceJob.class));
        assertThat(scheduler.tasks()).isEmpty();
    }

    @Test
    void partitionsOfTheHostsTakePrecedence() {
        PostgresPartitions partitions = PostgresPartitions.of(StubDataSource.down(), TableMapping.usagekit());
        context("usagekit.partitions.cron=0 30 2 * * *")
                .withBean(PostgresPartitions.class, () -> partitions)
                .run(context -> {
                    assertThat(context.getBean(PostgresPartitions.class)).isSameAs(partitions);
                    assertThat(context).hasSingleBean(MaintenanceJob.class);
                });
    }

    @Test
    void partitionsThatAreOccupiedOrRefusedAreLeft() {
        assertThat(created(List.of(), List.of())).isEqualTo(new MaintenanceJob.Result(true, "created 1"));
        assertThat(created(List.of("events_202604"), List.of()))
                .isEqualTo(new MaintenanceJob.Result(
                        false,
                        "created 1, not created since the default partition holds rows of their time: events_202604"));
        assertThat(created(List.of(), List.of("app.events is partitioned by list")))
                .isEqualTo(new MaintenanceJob.Result(false, "created 1, refused: app.events is partitioned by list"));
    }

    private static MaintenanceJob.Result created(List<String> occupied, List<String> refused) {
        return UsageMaintenanceAutoConfiguration.created(
                new CreateAheadResult(List.of("events_202605"), occupied, refused));
    }

    @Test
    void bothJobsAreShownAndAFailureIsDegraded() {
        context(
                        "usagekit.calculator=rollups",
                        "usagekit.partitions.cron=0 30 2 * * *",
                        "usagekit.retention.cron=0 30 3 * * *",
                        "usagekit.retention.keep=400d")
                .run(context -> {
                    UsageEndpoint endpoint = context.getBean(UsageEndpoint.class);
                    assertThat(endpoint.status())
                            .containsEntry("partitions", "not run yet")
                            .containsEntry("retention", "not run yet");
                    assertThat(scheduler.tasks()).hasSize(2).allSatisfy(RecordingScheduler.Scheduled::fire);
                    Map<String, Object> status = endpoint.status();
                    assertThat(status.get("degraded"))
                            .asInstanceOf(InstanceOfAssertFactories.LIST)
                            .contains("partitions", "retention");
                    for (String job : List.of("partitions", "retention")) {
                        assertThat(status.get(job))
                                .asInstanceOf(InstanceOfAssertFactories.MAP)
                                .containsEntry("outcome", "failed")
                                .extractingByKey("details")
                                .asString()
                                .contains("the stub refuses connections");
                    }
                });
    }

    @Test
    void retentionNeedsRollupsAndAnAge() {
        context("usagekit.retention.cron=0 30 3 * * *", "usagekit.retention.keep=400d")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessage(
                                "usagekit.retention.cron is 0 30 3 * * *, but there are no roll-ups, which keep what"
                                        + " deleted rows counted"));
        context("usagekit.calculator=rollups", "usagekit.retention.cron=0 30 3 * * *")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageStartingWith("usagekit.retention.keep must be between")
                        .hasMessageEndingWith("but wasn't given"));
    }

    @Test
    void aLedgerIsThereWhereItIsSet() {
        context("usagekit.ledger.enabled=true", "usagekit.tables.schema=app").run(context -> {
            assertThat(context).hasSingleBean(EventRepository.class).hasSingleBean(DeliveryRepository.class);
            assertThat(context.getBean(PostgresLedger.class).schema()).isEqualTo("app");
        });
    }

    @Test
    void aLedgerOfTheHostsTakesPrecedence() {
        PostgresLedger ledger = PostgresLedger.of(StubDataSource.down());
        EventRepository events = ledger.repository();
        context("usagekit.ledger.enabled=true")
                .withBean(PostgresLedger.class, () -> ledger)
                .withBean(EventRepository.class, () -> events)
                .run(context -> {
                    assertThat(context.getBean(PostgresLedger.class)).isSameAs(ledger);
                    assertThat(context.getBean(EventRepository.class)).isSameAs(events);
                });
    }

    @Test
    void aLedgerNeedsTheLibrarysTables() {
        context("usagekit.ledger.enabled=true", "usagekit.tables.preset=gateway")
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageStartingWith(
                                "usagekit.ledger.enabled is true, but the tables in the schema convoy"));
    }
}
