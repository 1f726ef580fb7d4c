package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Hosts' executors: such as run tasks on the thread that brings them, such as throw, and what is left to them on closing. */
class UsageServiceExecutorTest {

    private static final String DRIVER = "thread-of-the-driver";

    private final ServiceFixture fixture = new ServiceFixture();
    private final ExecutorService driver = Executors.newSingleThreadExecutor(task -> new Thread(task, DRIVER));
    private final GatedCache cache = new GatedCache(fixture.cache, driver);

    @AfterEach
    void close() {
        cache.release();
        fixture.close();
        driver.shutdownNow();
    }

    @Test
    void aCallerWhoseExecutorRunsTasksAtOnceComputesItself() {
        UsageService service = fixture.open(fixture.builder().executor(Runnable::run));
        assertFigure(service.get(ORG, MARCH));
        assertThat(fixture.calculator.threads()).containsExactly(Thread.currentThread());
    }

    /** A pool outlives the caller for which its first thread was started, and serves other tenants. */
    @Test
    void computationsInheritNothingOfTheCallersThread() {
        InheritableThreadLocal<String> tenant = new InheritableThreadLocal<>();
        List<Optional<String>> seen = new CopyOnWriteArrayList<>();
        UsageCalculator calculator = (key, timeout) -> {
            seen.add(Optional.ofNullable(tenant.get()));
            return fixture.database.calculate(key, timeout);
        };
        tenant.set("tenant of the first caller");
        try {
            UsageService own = fixture.open(UsageService.builder(calculator));
            own.get(ORG, MARCH);
            UsageService callerRuns =
                    fixture.open(UsageService.builder(calculator).executor(Runnable::run));
            ServiceFixture.done(ForkJoinPool.commonPool().submit(() -> {
                tenant.set("tenant of the first caller");
                try {
                    return callerRuns.get(ORG, MARCH);
                } finally {
                    tenant.remove();
                }
            }));
        } finally {
            tenant.remove();
        }
        assertThat(seen).containsExactly(Optional.empty(), Optional.empty());
    }

    @Test
    void aDriversThreadNeverComputesForAMiss() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().cache(cache).executor(Runnable::run));
        cache.holdReadsAfter(0);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertFigure(ServiceFixture.resultOf(stage));
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesAfterTheSecondLook() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().cache(cache).executor(Runnable::run));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertFigure(ServiceFixture.resultOf(stage));
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesForAMissThatHadJoinedADroppedRefresh() throws InterruptedException {
        AtomicInteger tasks = new AtomicInteger();
        UsageService service = fixture.open(fixture.builder().cache(cache).executor(task -> {
            if (tasks.incrementAndGet() == 1) {
                throw new RejectedExecutionException("full");
            }
            task.run();
        }));
        fixture.keep(Duration.ofMinutes(2));
        cache.holdReadsAfter(1);
        service.get(ORG, MARCH);
        cache.awaitHeld(1);
        CompletionStage<UsageResult> renewal = service.refreshAsync(ORG, MARCH);

        cache.release();

        assertFigure(ServiceFixture.resultOf(renewal));
        assertThat(fixture.events.names()).contains("coalesced", "refreshDropped", "computed");
        assertNoDriverComputed();
    }

    @Test
    void aDriversThreadNeverComputesForWarming() throws InterruptedException {
        UsageService service = fixture.open(
                fixture.builder().cache(cache).maxConcurrentComputations(1).executor(Runnable::run));
        cache.holdReadsAfter(0);
        CompletionStage<WarmResult> stage = service.warmAsync(List.of(ORG, "org-124", "org-125"), MARCH);
        cache.awaitHeld(1);
        cache.release();
        assertThat(ServiceFixture.resultOf(stage).computed()).isEqualTo(3);
        assertThat(fixture.calculator.calls()).isEqualTo(3);
        assertNoDriverComputed();
    }

    @Test
    void aThreadThatGivesAPermitBackDoesntComputeForTheNext() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).executor(Runnable::run));
        fixture.calculator.hold();
        Future<Thread> first = fixture.call(() -> {
            service.get(ORG, MARCH);
            return Thread.currentThread();
        });
        fixture.calculator.awaitBegun(1);
        Future<UsageResult> second = fixture.call(() -> service.get("org-124", MARCH));
        fixture.events.await("miss", 2);
        CompletionStage<UsageResult> third = service.getAsync("org-125", MARCH);
        fixture.calculator.release();

        Thread firsts = ServiceFixture.done(first);
        ServiceFixture.done(second);
        ServiceFixture.resultOf(third);
        assertThat(fixture.calculator.threads())
                .hasSize(3)
                .filteredOn(firsts::equals)
                .hasSize(1);
        assertThat(fixture.calculator.threads()).doesNotContain(Thread.currentThread());
    }

    @Test
    void anExecutorThatThrowsSomethingElseFailsTheComputationAndCostsNoPermit() {
        AtomicInteger tasks = new AtomicInteger();
        OutOfMemoryError noThread = new OutOfMemoryError("unable to create native thread");
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).executor(task -> {
                    if (tasks.incrementAndGet() <= 2) {
                        throw noThread;
                    }
                    task.run();
                }));
        for (int i = 0; i < 2; i++) {
            assertThat(ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH))))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasCause(noThread);
        }
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void onClosingWhatRunsOnAHostsExecutorIsWaitedForThenLeftThereAndItsCallersAreTold() throws InterruptedException {
        ExecutorService hosts = Executors.newCachedThreadPool();
        try {
            UsageService service = fixture.open(fixture.builder()
                    .executor(hosts)
                    .maxConcurrentComputations(1)
                    .drainTimeout(Duration.ofMillis(50)));
            fixture.calculator.hold();
            CompletionStage<UsageResult> running = service.getAsync(ORG, MARCH);
            fixture.calculator.awaitBegun(1);
            CompletionStage<UsageResult> waiting = service.getAsync("org-124", MARCH);
            Thread thread = fixture.calculator.threads().get(0);

            service.close();

            for (CompletionStage<UsageResult> stage : List.of(running, waiting)) {
                assertThat(ServiceFixture.failureOf(stage))
                        .isInstanceOf(UsageCalculationException.class)
                        .hasMessageStartingWith("the service was closed before the usage of ");
            }
            assertThat(thread.isInterrupted()).as("it is the host's").isFalse();
            fixture.calculator.release();
            hosts.shutdown();
            assertThat(hosts.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
            assertThat(fixture.calculator.calls()).as("computations begun").isEqualTo(1);
            assertThat(fixture.cache.writes()).as("figures kept").isZero();
        } finally {
            hosts.shutdownNow();
        }
    }

    @Test
    void onClosingWhoJoinedAnInvalidatedFlightIsToldAtOnceToo() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().drainTimeout(Duration.ZERO).cache(cache));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        cache.awaitHeld(1);
        service.invalidate(ORG, MARCH);

        service.close();

        assertThat(ServiceFixture.failureOf(stage)).isInstanceOf(UsageCalculationException.class);
    }

    @Test
    void whatTheExecutorTakesUpOnlyAfterClosingIsntComputed() {
        List<Runnable> tasks = new ArrayList<>();
        UsageService service =
                fixture.open(fixture.builder().executor(tasks::add).drainTimeout(Duration.ZERO));
        CompletionStage<UsageResult> stage = service.getAsync(ORG, MARCH);
        service.close();
        assertThat(ServiceFixture.failureOf(stage)).isInstanceOf(UsageCalculationException.class);

        tasks.forEach(Runnable::run);

        assertThat(tasks).hasSize(1);
        assertThat(fixture.calculator.calls()).isZero();
    }

    /** Nor the common pool's, which has no threads where there are two processors, until JDK 25. */
    private void assertNoDriverComputed() {
        assertThat(fixture.calculator.threads())
                .isNotEmpty()
                .extracting(Thread::getName)
                .doesNotContain(DRIVER)
                .noneMatch(name -> name.startsWith("ForkJoinPool.commonPool"));
    }
}
