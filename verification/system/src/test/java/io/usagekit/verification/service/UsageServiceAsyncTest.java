package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
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

    private final Scene scene = new Scene();
    private final ExecutorService cacheThread =
            Executors.newSingleThreadExecutor(task -> new Thread(task, CACHE_THREAD));
    private final CountDownLatch cacheGate = new CountDownLatch(1);

    @AfterEach
    void close() {
        cacheGate.countDown();
        scene.close();
        cacheThread.shutdownNow();
    }

    @Test
    void aMissIsComputedAndKept() {
        UsageService service = scene.open();
        assertFigure(Scene.resultOf(service.getAsync(ORG, MARCH)));
        assertThat(Scene.resultOf(service.getAsync(ORG, MARCH)).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(scene.events.names()).containsExactly("miss", "computed", "hit");
    }

    @Test
    void theCallReturnsWhileTheComputationIsHeld() throws InterruptedException {
        UsageService service = scene.open();
        scene.calculator.hold();

        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);

        scene.calculator.awaitBegun(1);
        assertThat(stage.toCompletableFuture()).isNotDone();
        scene.calculator.release();
        assertFigure(Scene.resultOf(stage));
    }

    @Test
    void theCallReturnsWhileTheCacheHasNotAnswered() {
        UsageService service = scene.open(scene.builder().cache(new SlowCache()));

        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);

        assertThat(stage.toCompletableFuture()).isNotDone();
        cacheGate.countDown();
        assertFigure(Scene.resultOf(stage));
    }

    @Test
    void aSoftExpiredFigureIsStaleAndRefreshed() {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();

        UsageResult result = Scene.resultOf(service.getAsync(ORG, MARCH));

        assertThat(result.freshness()).isEqualTo(Freshness.STALE);
        scene.calculator.release();
        scene.events.awaitLoads();
        assertThat(Scene.resultOf(service.getAsync(ORG, MARCH)).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void theMissPolicyHolds() {
        scene.calculator.hold();
        UsageService atOnce = scene.open(scene.builder().missPolicy(MissPolicy.pending()));
        assertThat(Scene.resultOf(atOnce.getAsync(ORG, MARCH)).isPending()).isTrue();
        UsageService briefly = scene.open(scene.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(50))));
        assertThat(Scene.resultOf(briefly.getAsync(ORG, MARCH)).isPending()).isTrue();
    }

    @Test
    void aFailureCompletesTheStageWithWhatGetThrows() {
        UsageService service = scene.open();
        scene.database.goDown();
        assertThat(Scene.failureOf(service.getAsync(ORG, MARCH)))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessage("the in-memory calculator was taken down");
    }

    @Test
    void whileTheCacheIsDownTheAnswerIsRight() {
        UsageService service = scene.open();
        scene.cache.goDown();
        assertFigure(Scene.resultOf(service.getAsync(ORG, MARCH)));
    }

    @Test
    void synchronousAndAsynchronousCallersShareOneComputation() throws InterruptedException {
        UsageService service = scene.open();
        scene.calculator.hold();
        CompletionStage<UsageResult> first = service.getAsync(ORG, MARCH);
        var second = scene.call(() -> service.get(ORG, MARCH));
        scene.events.await("coalesced", 1);
        scene.calculator.release();

        assertFigure(Scene.resultOf(first));
        assertFigure(Scene.done(second));
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void cancellingOrCompletingOnesStageEndsNeitherTheComputationNorTheWaitOfOthers() {
        UsageService service = scene.open();
        scene.calculator.hold();
        CompletableFuture<UsageResult> cancelled = service.getAsync(ORG, MARCH).toCompletableFuture();
        CompletableFuture<UsageResult> failed = service.getAsync(ORG, MARCH).toCompletableFuture();
        CompletionStage<UsageResult> other = service.getAsync(ORG, MARCH);

        cancelled.cancel(true);
        failed.completeExceptionally(new IllegalStateException("mine alone"));
        scene.calculator.release();

        assertFigure(Scene.resultOf(other));
        assertThat(Scene.resultOf(scene.cache.get(KEY))).isPresent();
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void whatCallersAttachNeverRunsOnTheCalculatorsThread() {
        UsageService service = scene.open();
        scene.calculator.hold();
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        scene.calculator.release();

        assertThat(Scene.done(thread)).doesNotContain("usagekit-computation").isNotEqualTo("main");
    }

    @Test
    void whatCallersAttachToAMissNeverRunsOnTheCachesThread() {
        UsageService service = scene.open(scene.builder().cache(new SlowCache()));
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        cacheGate.countDown();

        assertThat(Scene.done(thread)).isNotEqualTo(CACHE_THREAD).doesNotContain("usagekit-computation");
        assertThat(scene.events.names()).containsExactly("miss", "computed");
    }

    @Test
    void whatCallersAttachToAHitNeverRunsOnTheCachesThread() {
        scene.keep(Duration.ZERO);
        UsageService service = scene.open(scene.builder().cache(new SlowCache()));
        CompletableFuture<String> thread = threadOf(service.getAsync(ORG, MARCH));
        cacheGate.countDown();

        assertThat(Scene.done(thread)).isNotEqualTo(CACHE_THREAD);
        assertThat(scene.events.names()).containsExactly("hit");
    }

    @Test
    void whatCallersAttachNeverRunsOnATimersThread() {
        scene.calculator.hold();
        UsageService pending = scene.open(scene.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(50))));
        assertThat(Scene.done(threadOf(pending.getAsync(ORG, MARCH)))).doesNotContain("DelayScheduler");
        UsageService failing = scene.open(scene.builder().computationTimeout(Duration.ofMillis(50)));
        assertThat(Scene.done(threadOf(failing.getAsync("org-124", MARCH)))).doesNotContain("DelayScheduler");
    }

    /** The name of the thread on which a function attached now runs. */
    private static CompletableFuture<String> threadOf(CompletionStage<UsageResult> stage) {
        return stage.handle((result, error) -> Thread.currentThread().getName()).toCompletableFuture();
    }

    /** Answers on a thread of its own, once the gate is open. */
    private final class SlowCache extends BareCache {

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            return CompletableFuture.runAsync(() -> Scene.await(cacheGate), cacheThread)
                    .thenCompose(opened -> scene.cache.get(key));
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            return CompletableFuture.runAsync(() -> Scene.await(cacheGate), cacheThread)
                    .thenCompose(opened -> scene.cache.put(key, entry, timeToLive));
        }
    }
}
