package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Hosts' executors: such as run tasks on the thread that brings them, such as throw, and what is left to them on closing. */
class UsageServiceExecutorTest {

    private static final String DRIVER = "thread-of-the-driver";

    private final Scene scene = new Scene();
    private final ExecutorService driver = Executors.newSingleThreadExecutor(task -> new Thread(task, DRIVER));
    private final GatedCache cache = new GatedCache(scene.cache, driver);

    @AfterEach
    void close() {
        cache.release();
        scene.close();
        driver.shutdownNow();
    }

    @Test
    void aCallerWhoseExecutorRunsTasksAtOnceComputesItself() {
        UsageService service = scene.open(scene.builder().executor(Runnable::run));
        assertFigure(service.get(ORG, MARCH));
        assertThat(scene.calculator.threads()).containsExactly(Thread.currentThread());
    }

    @Test
    void aDriversThreadNeverComputesForAMiss() throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache).executor(Runnable::run));
        cache.holdReadsAfter(0);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertFigure(Scene.resultOf(stage));
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesAfterTheSecondLook() throws InterruptedException {
        UsageService service = scene.open(scene.builder().cache(cache).executor(Runnable::run));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertFigure(Scene.resultOf(stage));
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesForAMissThatHadJoinedADroppedRefresh() throws InterruptedException {
        AtomicInteger tasks = new AtomicInteger();
        UsageService service = scene.open(scene.builder().cache(cache).executor(task -> {
            if (tasks.incrementAndGet() == 1) {
                throw new RejectedExecutionException("full");
            }
            task.run();
        }));
        scene.keep(Duration.ofMinutes(2));
        cache.holdReadsAfter(1);
        service.get(ORG, MARCH);
        cache.awaitHeld(1);
        CompletionStage<UsageResult> renewal = service.refreshAsync(ORG, MARCH);

        cache.release();

        assertFigure(Scene.resultOf(renewal));
        assertThat(scene.events.names()).contains("coalesced", "refreshDropped", "computed");
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesForWarming() throws InterruptedException {
        UsageService service = scene.open(
                scene.builder().cache(cache).maxConcurrentComputations(1).executor(Runnable::run));
        cache.holdReadsAfter(0);
        CompletionStage<WarmResult> stage = service.warmAsync(List.of(ORG, "org-124", "org-125"), MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertThat(Scene.resultOf(stage).computed()).isEqualTo(3);
        assertThat(scene.calculator.calls()).isEqualTo(3);
        assertNoDriverComputed();
    }

    @Test
    void aThreadThatGivesAPermitBackDoesntComputeForTheNext() throws InterruptedException {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).executor(Runnable::run));
        scene.calculator.hold();
        Future<Thread> first = scene.call(() -> {
            service.get(ORG, MARCH);
            return Thread.currentThread();
        });
        scene.calculator.awaitBegun(1);
        Future<UsageResult> second = scene.call(() -> service.get("org-124", MARCH));
        scene.events.await("miss", 2);
        CompletionStage<UsageResult> third = service.getAsync("org-125", MARCH);
        scene.calculator.release();

        Thread firsts = Scene.done(first);
        Scene.done(second);
        Scene.resultOf(third);
        assertThat(scene.calculator.threads())
                .hasSize(3)
                .filteredOn(firsts::equals)
                .hasSize(1);
        assertThat(scene.calculator.threads()).doesNotContain(Thread.currentThread());
    }

    @Test
    void anExecutorThatThrowsSomethingElseFailsTheComputationAndCostsNoPermit() {
        AtomicInteger tasks = new AtomicInteger();
        OutOfMemoryError noThread = new OutOfMemoryError("unable to create native thread");
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).executor(task -> {
                    if (tasks.incrementAndGet() <= 2) {
                        throw noThread;
                    }
                    task.run();
                }));
        for (int i = 0; i < 2; i++) {
            assertThat(Scene.failure(scene.call(() -> service.get(ORG, MARCH))))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasCause(noThread);
        }
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void onClosingWhatRunsOnAHostsExecutorIsWaitedForThenLeftThereAndItsCallersAreTold() throws InterruptedException {
        ExecutorService hosts = Executors.newCachedThreadPool();
        try {
            UsageService service = scene.open(
                    scene.builder().executor(hosts).maxConcurrentComputations(1).drainTimeout(Duration.ofMillis(50)));
            scene.calculator.hold();
            CompletionStage<UsageResult> running = service.getAsync(ORG, MARCH);
            scene.calculator.awaitBegun(1);
            CompletionStage<UsageResult> waiting = service.getAsync("org-124", MARCH);
            Thread thread = scene.calculator.threads().get(0);

            service.close();

            for (CompletionStage<UsageResult> stage : List.of(running, waiting)) {
                assertThat(Scene.failureOf(stage))
                        .isInstanceOf(UsageCalculationException.class)
                        .hasMessageStartingWith("the service was closed before the usage of ");
            }
            assertThat(thread.isInterrupted()).as("it is the host's").isFalse();
            scene.calculator.release();
            hosts.shutdown();
            assertThat(hosts.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
            assertThat(scene.calculator.calls()).as("computations begun").isEqualTo(1);
            assertThat(scene.cache.writes()).as("figures kept").isZero();
        } finally {
            hosts.shutdownNow();
        }
    }

    @Test
    void onClosingWhoJoinedAnInvalidatedFlightIsToldAtOnceToo() throws InterruptedException {
        UsageService service =
                scene.open(scene.builder().drainTimeout(Duration.ZERO).cache(cache));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        service.invalidate(ORG, MARCH);

        service.close();

        assertThat(Scene.failureOf(stage)).isInstanceOf(UsageCalculationException.class);
    }

    @Test
    void whatTheExecutorTakesUpOnlyAfterClosingIsntComputed() {
        List<Runnable> tasks = new ArrayList<>();
        UsageService service = scene.open(scene.builder().executor(tasks::add).drainTimeout(Duration.ZERO));
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        service.close();
        assertThat(Scene.failureOf(stage)).isInstanceOf(UsageCalculationException.class);

        tasks.forEach(Runnable::run);

        assertThat(tasks).hasSize(1);
        assertThat(scene.calculator.calls()).isZero();
    }

    /** Nor the common pool's, which has no threads where there are two processors, until JDK 25. */
    private void assertNoDriverComputed() {
        assertThat(scene.calculator.threads())
                .isNotEmpty()
                .extracting(Thread::getName)
                .doesNotContain(DRIVER)
                .noneMatch(name -> name.startsWith("ForkJoinPool.commonPool"));
    }
}
