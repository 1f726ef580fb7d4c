package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.SmartLifecycle;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/** What still runs when a host's web server and its connections to Redis are stopped. */
class ShutdownOrderTest {

    /** That of the graceful shutdown of Spring Boot's web servers. */
    private static final int PHASE_OF_WEB_SERVERS = SmartLifecycle.DEFAULT_PHASE - 1_024;

    private final RecordingScheduler scheduler = new RecordingScheduler();
    private final List<String> stopped = new ArrayList<>();

    /** Something of the host's that is stopped in a phase. */
    private record Stopped(int phase, Runnable stopping) implements SmartLifecycle {
        @Override
        public void start() {}

        @Override
        public void stop() {
            stopping.run();
        }

        @Override
        public boolean isRunning() {
            return true;
        }

        @Override
        public int getPhase() {
            return phase;
        }
    }

    @Test
    void schedulesEndBeforeTheWebServerAndTheServiceBeforeRedis() {
        Contexts.withDataSource()
                .withConfiguration(AutoConfigurations.of(UsageMetricsAutoConfiguration.class))
                .withBean(MeterRegistry.class, SimpleMeterRegistry::new)
                .withBean(TaskScheduler.class, () -> scheduler)
                .withBean(UsageCalculator.class, InMemoryUsageCalculator::create)
                .withPropertyValues(
                        "usagekit.calculator=rollups",
                        "usagekit.partitions.cron=0 30 2 * * *",
                        "usagekit.retention.cron=0 30 3 * * *",
                        "usagekit.retention.keep=400d")
                .withInitializer(context -> {
                    register(context, "webServer", PHASE_OF_WEB_SERVERS);
                    register(context, "redis", Contexts.unreachableRedis().getPhase());
                })
                .run(context -> assertThat(scheduler.tasks())
                        .as("worker, meters and two jobs")
                        .hasSize(4)
                        .noneMatch(RecordingScheduler.Scheduled::isCancelled));

        assertThat(stopped)
                .containsExactly(
                        "webServer: schedules ended true, service open true",
                        "redis: schedules ended true, service open false");
    }

    private void register(ConfigurableApplicationContext context, String name, int phase) {
        Runnable note = () -> stopped.add(name + ": schedules ended "
                + scheduler.tasks().stream().allMatch(RecordingScheduler.Scheduled::isCancelled) + ", service open "
                + isOpen(context.getBean(UsageService.class)));
        context.getBeanFactory().registerSingleton(name, new Stopped(phase, note));
    }

    private static boolean isOpen(UsageService service) {
        try {
            service.get("org-1", UsagePeriod.parse("2026-03"));
            return true;
        } catch (IllegalStateException closed) {
            return false;
        }
    }

    @Test
    void theLibrarysOwnSchedulerIsOneAndEndsWithTheContext() {
        List<ThreadPoolTaskScheduler> schedulers = new ArrayList<>();
        Contexts.withDataSource()
                .withPropertyValues("usagekit.calculator=rollups", "usagekit.worker.pause=1d")
                .run(context -> {
                    UsageScheduler own = context.getBean(UsageScheduler.class);
                    schedulers.add((ThreadPoolTaskScheduler) own.get());
                    assertThat(own.get()).isSameAs(schedulers.get(0));
                });
        assertThat(schedulers)
                .singleElement()
                .satisfies(own ->
                        assertThat(own.getScheduledExecutor().isShutdown()).isTrue());
    }
}
