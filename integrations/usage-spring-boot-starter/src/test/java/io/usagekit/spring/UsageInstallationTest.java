package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageService;
import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventRepository;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.boot.LazyInitializationBeanFactoryPostProcessor;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.scheduling.TaskScheduler;

/** {@code usagekit.install} with a database that is down, or refuses the password; StarterIT has one with tables. */
class UsageInstallationTest {

    private final StubDataSource down = StubDataSource.down();
    private final StubDataSource refusing = new StubDataSource(StubDataSource.INVALID_PASSWORD);

    @Test
    void neverConnectsToNothing() {
        context(refusing, "never").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(refusing.connections()).isZero();
        });
    }

    @Test
    void validationToleratesAnOutage() {
        context(down, "validate").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(down.connections()).isPositive();
        });
    }

    @Test
    void validationIsTheDefault() {
        Contexts.empty()
                .withBean(DataSource.class, () -> refusing)
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining("usagekit.install is validate, and the tables in the schema usagekit"));
    }

    @Test
    void validationFailsWhereNoRetryCures() {
        context(refusing, "validate").run(context -> {
            assertThat(Failures.of(context)).hasMessageContaining("the stub refuses connections");
            assertThat(Failures.of(context).action()).contains("usagekit.install=always");
        });
    }

    @Test
    void installingFailsInAnOutage() {
        context(down, "always").run(context -> {
            assertThat(Failures.of(context)).hasMessageContaining("usagekit.install is always");
            assertThat(Failures.of(context).action()).contains("privileges");
        });
    }

    /** A run of the worker or of a job would fail, or fill the log, where tables are missing. */
    @Test
    void nothingIsScheduledBeforeItHasEnded() {
        List<Integer> connectionsBefore = new ArrayList<>();
        RecordingScheduler scheduler = new RecordingScheduler(() -> connectionsBefore.add(down.connections()));
        withEverything(down)
                .withBean(TaskScheduler.class, () -> scheduler)
                .run(context -> assertThat(connectionsBefore)
                        .as("of the validation, before the worker and two jobs are scheduled")
                        .hasSize(3)
                        .allMatch(connections -> connections > 0));
        assertThat(connectionsBefore).containsOnly(down.connections());
    }

    /** Where beans are created when they are first used, and the host has a service of its own, nothing else creates it. */
    @Test
    void whateverUsesTheTablesWaitsForIt() {
        ApplicationContextRunner lazy = withEverything(refusing)
                .withBean(
                        UsageService.class,
                        () -> UsageService.builder(InMemoryUsageCalculator.create())
                                .build())
                .withInitializer(context ->
                        context.addBeanFactoryPostProcessor(new LazyInitializationBeanFactoryPostProcessor()));
        for (String unused : List.of("usagekit.worker.enabled=false", "usagekit.retention.cron=-")) {
            lazy.withPropertyValues("usagekit.partitions.cron=-", unused)
                    .run(context ->
                            assertThat(Failures.of(context)).hasMessageContaining("the stub refuses connections"));
        }
        lazy.withPropertyValues(
                        "usagekit.partitions.cron=-", "usagekit.retention.cron=-", "usagekit.worker.enabled=false")
                .run(context -> {
                    assertThat(context).hasNotFailed();
                    for (Class<?> bean :
                            List.of(EventRepository.class, DeliveryRepository.class, UsageCalculator.class)) {
                        assertThatThrownBy(() -> context.getBean(bean))
                                .as("%s", bean)
                                .hasStackTraceContaining("usagekit.install is validate");
                    }
                });
    }

    private static ApplicationContextRunner withEverything(DataSource dataSource) {
        return context(dataSource, "validate")
                .withPropertyValues(
                        "usagekit.calculator=rollups",
                        "usagekit.ledger.enabled=true",
                        "usagekit.partitions.cron=0 30 2 * * *",
                        "usagekit.retention.cron=0 30 3 * * *",
                        "usagekit.retention.keep=400d");
    }

    private static ApplicationContextRunner context(DataSource dataSource, String install) {
        return Contexts.empty()
                .withBean(DataSource.class, () -> dataSource)
                .withPropertyValues("usagekit.install=" + install);
    }
}
