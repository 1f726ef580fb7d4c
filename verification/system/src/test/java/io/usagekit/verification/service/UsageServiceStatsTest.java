package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What gauges read. */
class UsageServiceStatsTest {

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void countsPermitsQueueAndLoadsWhileTheyAreTaken() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(7));
        assertStats(service, 0, 0, 0);
        fixture.calculator.hold();
        Future<UsageResult> first = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        assertStats(service, 1, 0, 1);
        Future<UsageResult> second = fixture.call(() -> service.get("org-124", MARCH));
        fixture.events.await("miss", 2);
        while (service.stats().queued() == 0) {
            Thread.onSpinWait();
        }
        assertStats(service, 1, 1, 2);

        fixture.calculator.release();
        assertFigure(ServiceFixture.done(first));
        ServiceFixture.done(second);

        fixture.events.awaitLoads();
        assertStats(service, 0, 0, 0);
    }

    private static void assertStats(UsageService service, int permitsInUse, int queued, int loads) {
        UsageService.Stats stats = service.stats();
        assertThat(stats.permitsInUse()).isEqualTo(permitsInUse);
        assertThat(stats.queued()).isEqualTo(queued);
        assertThat(stats.loads()).isEqualTo(loads);
        assertThat(stats.permits()).isEqualTo(1);
        assertThat(stats.maxQueued()).isEqualTo(7);
    }

    @Test
    void reportsConditionOfCache() {
        UsageService service = fixture.open();
        assertThat(service.stats().cache().shared()).isEqualTo(Condition.UP);
        fixture.cache.goDown();
        assertThat(service.stats().cache().shared()).isEqualTo(Condition.DOWN);
        assertThat(service.stats().cache().tracking()).isEqualTo(Condition.UNKNOWN);
        assertThat(service.stats().cache().nearSize()).isEmpty();
        assertThat(fixture.open(fixture.withoutCache()).stats().cache().shared())
                .isEqualTo(Condition.UNKNOWN);
    }

    @Test
    void survivesCacheThatThrows() {
        UsageService service = fixture.open(fixture.builder().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return fixture.cache.get(key);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return fixture.cache.put(key, entry, timeToLive);
            }

            @Override
            public Stats stats() {
                throw new IllegalStateException("no state");
            }
        }));
        assertThat(service.stats().cache().shared()).isEqualTo(Condition.UNKNOWN);
    }
}
