package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Figures, cycles, runs, and samples of the state; {@link RollupMetersTest} has what samples have in common. */
class FeedMetersTest {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.parse("2026-03"));

    private final MockClock clock = new MockClock();
    private final SimpleMeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, clock);
    private final FeedMeters meters = FeedMeters.of(registry);

    private void sample(boolean intact, long hoursToShip, Duration lag) {
        Optional<Instant> oldest = lag.isZero() ? Optional.empty() : Optional.of(Instant.EPOCH);
        meters.samples()
                .take(
                        "app_rollups_feed",
                        () -> Optional.of(
                                new FeedStatus(intact, 42, Optional.of(Instant.EPOCH), hoursToShip, oldest, lag, 7)));
    }

    private double gauge(String name) {
        return registry.get(name).gauge().value();
    }

    private double count(String name, String... tags) {
        return registry.get(name).tags(tags).counter().count();
    }

    @Test
    void lagGrowsBetweenSamplesWhileSomethingIsToBeShipped() {
        assertThat(gauge("usagekit.feed.lag")).isNaN();

        sample(true, 17, Duration.ofMinutes(2));
        clock.add(Duration.ofSeconds(30));

        assertThat(gauge("usagekit.feed.lag")).isEqualTo(150);
        assertThat(gauge("usagekit.feed.waiting")).isEqualTo(17);
        assertThat(gauge("usagekit.feed.version")).isEqualTo(42);
        assertThat(gauge("usagekit.feed.days.shipped")).isEqualTo(7);
        assertThat(gauge("usagekit.feed.installed")).isEqualTo(1);
        assertThat(gauge("usagekit.feed.intact")).isEqualTo(1);
        assertThat(gauge("usagekit.feed.status.age")).isEqualTo(30);

        sample(false, 0, Duration.ZERO);
        clock.add(Duration.ofSeconds(30));

        assertThat(gauge("usagekit.feed.lag")).isZero();
        assertThat(gauge("usagekit.feed.intact")).isZero();
    }

    @Test
    void aFeedThatIsMissingHasNoState() {
        meters.samples().take("app_rollups_feed", Optional::empty);

        assertThat(gauge("usagekit.feed.installed")).isZero();
        assertThat(gauge("usagekit.feed.intact")).isNaN();
        assertThat(gauge("usagekit.feed.lag")).isNaN();
    }

    @Test
    void countsFiguresAndReadsByHowTheyEnded() {
        meters.fromCells(KEY, 31);
        meters.fromRollups(KEY);
        meters.refused(KEY, List.of(), true);
        meters.refused(KEY, List.of(), false);
        meters.readFailed(KEY, new UsageCalculationException("a shard is away", null));
        meters.readFailed(KEY, UsageCalculationException.permanent("there is no such table", null));
        meters.readFailed(KEY, UsageCalculationException.permanent("there is no such table", null));

        assertThat(count("usagekit.feed.figures", "source", "cells")).isEqualTo(1);
        assertThat(count("usagekit.feed.figures", "source", "rollups")).isEqualTo(1);
        assertThat(registry.get("usagekit.feed.figures.days").summary().totalAmount())
                .isEqualTo(31);
        assertThat(count("usagekit.feed.reads.refused", "reshipped", "true")).isEqualTo(1);
        assertThat(count("usagekit.feed.reads.refused", "reshipped", "false")).isEqualTo(1);
        assertThat(count("usagekit.feed.reads.failed", "error", "transient")).isEqualTo(1);
        assertThat(count("usagekit.feed.reads.failed", "error", "permanent")).isEqualTo(2);
    }

    @Test
    void countsCyclesAndTimesRunsByTheirOutcome() {
        meters.cycleEnded(new FeedCycle(1, 100, 2, false, true));
        meters.cycleEnded(new FeedCycle(2, 20, 0, true, false));
        run(Optional.of(new FeedRun(2, 2, 120, 2, true, false)));
        run(Optional.of(new FeedRun(1, 3, 100, 0, false, true)));
        run(Optional.of(new FeedRun(0, 0, 0, 0, false, false)));
        run(Optional.empty());

        assertThat(count("usagekit.feed.cycles")).isEqualTo(2);
        assertThat(count("usagekit.feed.cycles.complete")).isEqualTo(1);
        assertThat(count("usagekit.feed.shipped")).isEqualTo(120);
        assertThat(List.of("finished", "unfinished", "standby", "failed"))
                .allSatisfy(outcome -> assertThat(registry.get("usagekit.feed.runs")
                                .tag("outcome", outcome)
                                .timer()
                                .count())
                        .isEqualTo(1));
    }

    private void run(Optional<FeedRun> result) {
        meters.runEnded(new FeedWorker.LastRun(
                Instant.EPOCH,
                Duration.ofSeconds(1),
                result,
                result.isPresent() ? Optional.empty() : Optional.of(new IllegalStateException("failed"))));
    }
}
