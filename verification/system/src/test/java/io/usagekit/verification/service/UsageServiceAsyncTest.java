package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The form that doesn't wait. */
class UsageServiceAsyncTest {

    private static final String CACHE_THREAD = "thread-of-the-cache";

    private final ServiceFixture fixture = new ServiceFixture();
    private final ExecutorService cacheThread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, CACHE_THREAD));
    private final CountDownLatch cacheGate = new CountDownLatch(1);

    @AfterEach
    void close() {
        cacheGate.countDown();
        fixture.close();
        cacheThread.shutdownNow();
    }

    @Test
    void aMissIsComputedAndKept() {
        UsageService service = fixture.open();
        assertFigure(ServiceFixture.resultOf(service.getAsync(ORG, MARCH)));
        assertThat(ServiceFixture.resultOf(service.getAsync(ORG, MARCH)).freshness())
                .isEqualTo(Freshness.FRESH);
        assertThat(fixture.events.names()).containsExactly("miss", "computed", "hit");
    }

    @Test
    void theCallReturnsWhileTheComputationIsHeld() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();

        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);

        fixture.calculator.awaitBegun(1);
        assertThat(stage.toCompletableFuture()).isNotDone();
        fixture.calculator.release();
        assertFigure(ServiceFixture.resultOf(stage));
    }

    @Test
    void theCallReturnsWhileTheCacheHasNotAnswered() {
        UsageService service = fixture.open(fixture.builder().cache(new SlowCache()));

        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);

        assertThat(stage.toCompletableFuture()).isNotDone();
        cacheGate.countDown();
        assertFigure(ServiceFixture.resultOf(stage));
    }

    @Test
    void aSoftExpiredFigureIsStaleAndRefreshed() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();

        UsageResult result = ServiceFixture.resultOf(service.getAsync(ORG, MARCH));

        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(ServiceFixture.resultOf(service.getAsync(ORG, MARCH)).freshness())
                .isEqualTo(Freshness.FRESH);
    }

    @Test
    void theMissPolicyHolds() {
        fixture.calculator.hold();
        UsageService atOnce = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        assertThat(ServiceFixture.resultOf(atOnce.getAsync(ORG, MARCH)).isPending())
                .isTrue();
        UsageService briefly = fixture.open(fixture.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(50))));
        assertThat(ServiceFixture.resultOf(briefly.getAsync(ORG, MARCH)).isPending())
                .isTrue();
    }

    @Test
    void aFailureCompletesTheStageWithWhatGetThrows() {
        UsageService service = fixture.open();
        fixture.database.goDown();
        assertThat(ServiceFixture.failureOf(service.getAsync(ORG, MARCH)))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessage("the in-memory calculator was taken down by goDown()");
    }

    @Test
    void whileTheCacheIsDownTheAnswerIsRight() {
        UsageService service = fixture.open();
        fixture.cache.goDown();
        assertFigure(ServiceFixture.resultOf(service.getAsync(ORG, MARCH)));
    }

    @Test
    void synchronousAndAsynchronousCallersShareOneComputation() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        CompletionStage<UsageResult> first = service.getAsync(ORG, MARCH);
        var second = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 1);
        fixture.calculator.release();

        assertFigure(ServiceFixture.resultOf(first));
        assertFigure(ServiceFixture.done(second));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void cancellingOrCompletingOnesStageEndsNeitherTheComputationNorTheWaitOfOthers() {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        CompletableFuture<UsageResult> cancelled = service.getAsync(ORG, MARCH).toCompletableFuture();
        CompletableFuture<UsageResult> failed = service.getAsync(ORG, MARCH).toCompletableFuture();
        CompletionStage<UsageResult> other = service.getAsync(ORG, MARCH);

        cancelled.cancel(true);
        failed.completeExceptionally(new IllegalStateException("mine alone"));
        fixture.calculator.release();

        assertFigure(ServiceFixture.resultOf(other));
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY))).isPresent();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void whatCallersAttachNeverRunsOnTheCalculatorsThread() {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        fixture.calculator.release();

        assertThat(ServiceFixture.done(thread))
                .doesNotContain("usagekit-computation")
                .isNotEqualTo("main");
    }

    @Test
    void whatCallersAttachToAMissNeverRunsOnTheCachesThread() {
        UsageService service = fixture.open(fixture.builder().cache(new SlowCache()));
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        cacheGate.countDown();

        assertThat(ServiceFixture.done(thread)).isNotEqualTo(CACHE_THREAD).doesNotContain("usagekit-computation");
        assertThat(fixture.events.names()).containsExactly("miss", "computed");
    }

    @Test
    void whatCallersAttachToAHitNeverRunsOnTheCachesThread() {
        fixture.keep(Duration.ZERO);
        UsageService service = fixture.open(fixture.builder().cache(new SlowCache()));
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        cacheGate.countDown();

        assertThat(ServiceFixture.done(thread)).isNotEqualTo(CACHE_THREAD);
        assertThat(fixture.events.names()).containsExactly("hit");
    }

    @Test
    void whatCallersAttachNeverRunsOnATimersThread() {
        fixture.calculator.hold();
        UsageService pending = fixture.open(fixture.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(50))));
        assertThat(ServiceFixture.done(threadOf(pending.getAsync(ORG, MARCH)))).doesNotContain("DelayScheduler");
        UsageService failing = fixture.open(fixture.builder().computationTimeout(Duration.ofMillis(50)));
        assertThat(ServiceFixture.done(threadOf(failing.getAsync("org-124", MARCH))))
                .doesNotContain("DelayScheduler");
    }

    /** The name of the thread on which a function attached now runs. */
    private static CompletableFuture<String> threadOf(CompletionStage<UsageResult> stage) {
        return stage.handle((result, error) -> Thread.currentThread().getName()).toCompletableFuture();
    }

    /** Answers on a thread of its own, once the gate is open. */
    private final class SlowCache extends BareCache {

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            return CompletableFuture.runAsync(() -> ServiceFixture.await(cacheGate), cacheThread)
                    .thenCompose(opened -> fixture.cache.get(key));
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            return CompletableFuture.runAsync(() -> ServiceFixture.await(cacheGate), cacheThread)
                    .thenCompose(opened -> fixture.cache.put(key, entry, timeToLive));
        }
    }
}
