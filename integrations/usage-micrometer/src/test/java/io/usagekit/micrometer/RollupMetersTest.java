package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.postgres.rollups.RollupWorker;
import java.lang.reflect.Proxy;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** Runs, samples of the state and their ages. */
class RollupMetersTest {

    private final MockClock clock = new MockClock();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);
    private final RollupMeters meters = RollupMeters.of(registry);

    private static RollupStatus status(Duration lag, long markedHours) {
        return new RollupStatus(
                Optional.of(Instant.EPOCH),
                Optional.of(lag),
                1,
                markedHours,
                2,
                3,
                4,
                Optional.empty(),
                List.of("altered"),
                List.of(),
                List.of());
    }

    private double gauge(String name) {
        return registry.get(name).gauge().value();
    }

    private void sample(RollupStatus status) {
        meters.samples().take("app_rollups", () -> Optional.of(status));
    }

    @Test
    void lagAndAgeGrowBetweenSamplesAndTheRestStays() {
        assertThat(gauge("usagekit.rollups.lag")).isNaN();
        assertThat(gauge("usagekit.rollups.status.age")).isNaN();
        assertThat(gauge("usagekit.rollups.marked")).isNaN();
        assertThat(gauge("usagekit.rollups.installed")).isNaN();

        sample(status(Duration.ofMinutes(2), 17));
        clock.add(Duration.ofSeconds(30));

        assertThat(gauge("usagekit.rollups.lag")).isEqualTo(150);
        assertThat(gauge("usagekit.rollups.status.age")).isEqualTo(30);
        assertThat(gauge("usagekit.rollups.installed")).isEqualTo(1);
        assertThat(gauge("usagekit.rollups.marked")).isEqualTo(17);
        assertThat(gauge("usagekit.rollups.changed")).isEqualTo(2);
        assertThat(gauge("usagekit.rollups.projects")).isEqualTo(3);
        assertThat(gauge("usagekit.rollups.projects.backfilling")).isEqualTo(4);
        assertThat(gauge("usagekit.rollups.alterations")).isEqualTo(1);
        assertThat(gauge("usagekit.rollups.indexes.missing")).isZero();

        sample(status(Duration.ofMinutes(1), 0));

        assertThat(gauge("usagekit.rollups.lag")).isEqualTo(60);
        assertThat(gauge("usagekit.rollups.status.age")).isZero();
    }

    @Test
    void aFailedSampleIsCountedAndLeavesTheLastOne() {
        sample(status(Duration.ofMinutes(2), 17));
        clock.add(Duration.ofMinutes(10));

        meters.samples().take("app_rollups", () -> {
            throw new UsageStorageException("the database is away", null);
        });

        assertThat(gauge("usagekit.rollups.lag")).isEqualTo(720);
        assertThat(gauge("usagekit.rollups.marked")).isEqualTo(17);
        assertThat(gauge("usagekit.rollups.status.age")).isEqualTo(600);
        assertThat(registry.get("usagekit.rollups.status.failures")
                        .tag("error", "transient")
                        .counter()
                        .count())
                .isEqualTo(1);
    }

    @Test
    void rollupsThatAreMissingHaveNoState() {
        meters.samples().take("app_rollups", Optional::empty);

        assertThat(gauge("usagekit.rollups.installed")).isZero();
        assertThat(gauge("usagekit.rollups.lag")).isNaN();
        assertThat(gauge("usagekit.rollups.marked")).isNaN();
        assertThat(gauge("usagekit.rollups.status.age")).isZero();
    }

    @Test
    void timesRunsByTheirOutcome() {
        run(Optional.of(new RollupRunResult(true, Optional.empty(), List.of(), 2, 3, 4, true)));
        run(Optional.of(new RollupRunResult(true, Optional.empty(), List.of("pid 7"), 0, 0, 0, false)));
        run(Optional.of(new RollupRunResult(false, Optional.empty(), List.of(), 0, 0, 0, false)));
        run(Optional.empty());
        run(Optional.empty());

        assertThat(runs("finished")).isEqualTo(1);
        assertThat(runs("unfinished")).isEqualTo(1);
        assertThat(runs("standby")).isEqualTo(1);
        assertThat(runs("failed")).isEqualTo(2);
        assertThat(registry.get("usagekit.rollups.runs.blocked").counter().count())
                .isEqualTo(1);
        assertThat(registry.get("usagekit.rollups.changes").counter().count()).isEqualTo(2);
        assertThat(registry.get("usagekit.rollups.rerolled").counter().count()).isEqualTo(3);
        assertThat(registry.get("usagekit.rollups.backfill.steps").counter().count())
                .isEqualTo(4);
    }

    private void run(Optional<RollupRunResult> result) {
        meters.runEnded(new RollupWorker.LastRun(
                Instant.EPOCH,
                Duration.ofSeconds(1),
                result,
                result.isPresent() ? Optional.empty() : Optional.of(new IllegalStateException("failed"))));
    }

    private long runs(String outcome) {
        return registry.get("usagekit.rollups.runs")
                .tag("outcome", outcome)
                .timer()
                .count();
    }

    @Test
    void samplesOnTheHostsSchedulerUntilItIsClosedWhateverASampleThrows() throws Exception {
        CountDownLatch connections = new CountDownLatch(2);
        DataSource away = (DataSource) Proxy.newProxyInstance(
                DataSource.class.getClassLoader(), new Class<?>[] {DataSource.class}, (proxy, method, arguments) -> {
                    connections.countDown();
                    throw new SQLException("no connection", "08001");
                });
        PostgresRollups rollups = PostgresRollups.of(away, TableMapping.usagekit());
        ScheduledExecutorService scheduler = Executors.newSingleThreadScheduledExecutor();
        try {
            for (Duration pause : List.of(Duration.ofMillis(999), Duration.ofDays(2))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> meters.start(rollups, scheduler, pause))
                        .withMessage("pause must be between PT1S and PT24H, but was " + pause);
            }

            meters.start(rollups, scheduler, Duration.ofSeconds(1));

            assertThat(connections.await(5, TimeUnit.MINUTES))
                    .as("a second sample follows the one that failed")
                    .isTrue();
            assertThatIllegalStateException()
                    .isThrownBy(() -> meters.start(rollups, scheduler, Duration.ofSeconds(1)))
                    .withMessage("sampling has been started already");
            meters.close();
            assertThatIllegalStateException()
                    .isThrownBy(() -> meters.start(rollups, scheduler, Duration.ofSeconds(1)))
                    .withMessage("the meters are closed");
        } finally {
            scheduler.shutdownNow();
        }
        assertThat(registry.get("usagekit.rollups.status.failures")
                        .tag("error", "transient")
                        .counter()
                        .count())
                .isPositive();
    }
}
