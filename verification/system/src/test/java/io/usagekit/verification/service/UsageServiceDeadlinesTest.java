package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.MissPolicy;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Deadlines depend on nothing that a host may block, and hosts' code never runs where they do. */
class UsageServiceDeadlinesTest {

    private static final Duration SHORT = Duration.ofMillis(20);

    private final ServiceFixture fixture = new ServiceFixture();
    private final CountDownLatch blocked = new CountDownLatch(1);
    private final ScheduledExecutorService scheduler =
            Executors.newSingleThreadScheduledExecutor(task -> new Thread(task, "timer-of-the-host"));
    private final ExecutorService executor = Executors.newCachedThreadPool();
    /** Names of the threads on which hosts' code ran. */
    private final Set<String> threads = ConcurrentHashMap.newKeySet();

    private final ConcurrentHashMap<String, Integer> noted = new ConcurrentHashMap<>();

    @AfterEach
    void close() {
        blocked.countDown();
        fixture.close();
        scheduler.shutdownNow();
        executor.shutdownNow();
    }

    @Test
    void computationsTimeOutWhileTheTimerOfTheJvmIsBlocked() {
        blockTheTimerOfTheJvm();
        for (SingleFlight flights : List.of(SingleFlights.inProcess(), fleet())) {
            UsageService service = fixture.open(fixture.builder()
                    .cache(InMemoryUsageCache.over(fixture.cache))
                    .singleFlight(flights)
                    .computationTimeout(SHORT));
            fixture.calculator.hold();
            Future<UsageResult> call = fixture.call(() -> service.get(ORG, MARCH));
            assertThat(ServiceFixture.failure(call)).hasMessageContaining("wasn't computed within " + SHORT);
            fixture.calculator.release();
        }
    }

    @Test
    void waitsOfMissPoliciesEndWhileTheTimerOfTheJvmIsBlocked() {
        blockTheTimerOfTheJvm();
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.awaitUpTo(SHORT)));
        fixture.calculator.hold();
        Future<UsageResult> call = fixture.call(() -> service.get(ORG, MARCH));
        assertThat(ServiceFixture.done(call).isPending()).isTrue();
    }

    @Test
    void loadsThatWaitForAnotherProcessPollWhileTheTimerOfTheJvmIsBlocked() throws InterruptedException {
        blockTheTimerOfTheJvm();
        UsageService leader = fixture.open(fixture.builder().singleFlight(fleet()));
        UsageService follower = fixture.open(fixture.builder()
                .singleFlight(SingleFlights.fleetWide(
                        new DeafStore(InMemoryFlightStore.over(fixture.cache)),
                        SingleFlights.DEFAULT_LEASE,
                        Duration.ofMillis(1))));
        fixture.calculator.hold();
        Future<UsageResult> leading = fixture.call(() -> leader.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        Future<UsageResult> following = fixture.call(() -> follower.get(ORG, MARCH));
        fixture.events.await("remoteLoadAwaited", 1);
        fixture.calculator.release();
        assertThat(ServiceFixture.done(following)).isEqualTo(ServiceFixture.done(leading));
    }

    @Test
    void warmingRunsOnTheCallersThread() {
        UsageService service = fixture.open(fixture.builder()
                .cache(new NotedCache(fixture.cache, threads))
                .maxConcurrentComputations(2)
                .listener(new UsageListener() {}));
        List<String> ids = IntStream.range(0, 20).mapToObj(i -> "org-" + i).toList();

        WarmResult result = service.warm(ids, MARCH);

        assertThat(result.computed()).isEqualTo(20);
        assertThat(threads).as("threads that looked into the cache").containsExactly(here());
    }

    @Test
    void nothingOfTheHostRunsOnItsScheduler() {
        UsageService service = fixture.open(builderWithScheduler()
                .executor(task -> {
                    threads.add(here());
                    executor.execute(task);
                })
                .computationTimeout(SHORT)
                .maxConcurrentComputations(1));
        fixture.calculator.hold();
        // On a machine that stalls, the deadline may pass before the computation starts: then it fails before it runs,
        // as the second one does.
        CompletionStage<UsageResult> running = service.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> waiting = service.getAsync("org-124", MARCH);
        for (CompletionStage<UsageResult> call : List.of(running, waiting)) {
            ServiceFixture.failureOf(call.whenComplete((result, error) -> threads.add(here())));
        }
        ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH)));
        fixture.calculator.release();
        awaitEvents("loadFailed", 3);
        assertThat(threads).isNotEmpty().doesNotContain("timer-of-the-host");
    }

    @Test
    void anExecutorIsntCalledOnTheScheduler() {
        // The deadline of a load without a thread releases its permit, which another one waits for.
        UsageService service = fixture.open(builderWithScheduler()
                .executor(task -> threads.add(here()))
                .computationTimeout(Duration.ofMillis(200))
                .maxConcurrentComputations(1));
        CompletionStage<UsageResult> first = service.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> second = service.getAsync("org-124", MARCH);
        ServiceFixture.failureOf(first);
        ServiceFixture.failureOf(second);
        assertThat(threads).doesNotContain("timer-of-the-host");
    }

    @Test
    void aListenerThatBlocksHoldsUpNoDeadline() {
        UsageService service =
                fixture.open(fixture.builder().computationTimeout(SHORT).addListener(new UsageListener() {
                    @Override
                    public void loadFailed(UsageKey key, Throwable error) {
                        block();
                    }
                }));
        fixture.calculator.hold();
        for (String id : List.of(ORG, "org-124")) {
            Future<UsageResult> call = fixture.call(() -> service.get(id, MARCH));
            assertThat(ServiceFixture.failure(call)).hasMessageContaining("wasn't computed within " + SHORT);
        }
    }

    @Test
    void closingEndsTheServicesThreadAndNotTheHostsScheduler() {
        UsageService own = fixture.builder().build();
        own.get(ORG, MARCH);
        UsageService hosts = builderWithScheduler().build();
        hosts.get(ORG, MARCH);
        assertThat(timers()).as("threads of the library").isEqualTo(1);
        own.close();
        hosts.close();
        eventually("the thread has ended", () -> timers() == 0);
        assertThat(scheduler.isShutdown()).isFalse();
    }

    @Test
    void saysSoWhenTheHostHasShutItsSchedulerDown() {
        UsageService service = fixture.open(builderWithScheduler());
        scheduler.shutdown();
        assertThatExceptionOfType(UsageUnavailableException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withMessageContaining("scheduler");
    }

    private UsageServiceBuilder builderWithScheduler() {
        return fixture.builder().scheduler(scheduler).listener(noting());
    }

    private SingleFlight fleet() {
        return SingleFlights.fleetWide(InMemoryFlightStore.over(fixture.cache));
    }

    /** Notes the threads on which it is called. */
    private UsageListener noting() {
        return (UsageListener) Proxy.newProxyInstance(
                UsageListener.class.getClassLoader(), new Class<?>[] {UsageListener.class}, (proxy, method, args) -> {
                    threads.add(here());
                    noted.merge(method.getName(), 1, Integer::sum);
                    return null;
                });
    }

    private void awaitEvents(String name, int times) {
        eventually(name, () -> noted.getOrDefault(name, 0) >= times);
    }

    private static void eventually(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static String here() {
        return Thread.currentThread().getName();
    }

    private static long timers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("usagekit-timer"))
                .count();
    }

    /** Blocks the calling thread until the test is over. */
    private void block() {
        try {
            blocked.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** As a host does that calls a service when one of its own futures has timed out. */
    private void blockTheTimerOfTheJvm() {
        CountDownLatch blocks = new CountDownLatch(1);
        CompletableFuture<Void> timesOut = new CompletableFuture<>();
        var unused = timesOut.exceptionally(timeout -> {
            blocks.countDown();
            block();
            return null;
        });
        var unusedToo = timesOut.orTimeout(1, TimeUnit.NANOSECONDS);
        ServiceFixture.await(blocks);
    }
}
