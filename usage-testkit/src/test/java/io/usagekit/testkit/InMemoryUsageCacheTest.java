package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class InMemoryUsageCacheTest extends UsageCacheContract {

    private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");

    @Override
    protected UsageCache openCache() {
        return InMemoryUsageCache.create(clock);
    }

    @Override
    protected void elapse(Duration duration) {
        clock.advance(duration);
    }

    @Test
    void whileDownEveryCallFailsAndAfterwardsWhatWasKeptIsStillThere() {
        try (Scene scene = new Scene()) {
            scene.keep(Duration.ZERO);
            scene.cache.goDown();

            assertThat(Scene.failureOf(scene.cache.get(Scene.KEY))).isInstanceOf(UsageCacheException.class);

            scene.cache.comeBack();
            assertThat(Scene.resultOf(scene.cache.get(Scene.KEY))).isPresent();
            assertThat(scene.cache.reads()).as("failed reads count too").isEqualTo(2);
            assertThat(scene.cache.writes()).isEqualTo(1);
        }
    }

    @Test
    void itRunsOnTheJvmsTimeUnlessAClockIsGiven() {
        try (Scene scene = new Scene()) {
            scene.keep(Duration.ofSeconds(5));
            InMemoryUsageCache real = InMemoryUsageCache.create();
            Scene.resultOf(real.put(
                    Scene.KEY, Scene.resultOf(scene.cache.get(Scene.KEY)).orElseThrow(), Duration.ofHours(1)));
            assertThat(Scene.resultOf(real.get(Scene.KEY)).orElseThrow().age())
                    .isBetween(Duration.ofSeconds(5), Duration.ofMinutes(5));
        }
    }
}
