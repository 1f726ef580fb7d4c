package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is left of a service once it is closed: nothing of its own, everything of the host's. */
class UsageServiceCloseTest {

    private static final int POOL_THREADS = 4;

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aClosedServiceRejectsCalls() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ZERO);
        service.close();

        assertThatIllegalStateException()
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withMessage("this UsageService is closed");
        assertThatIllegalStateException()
                .isThrownBy(() -> service.getAsync(ORG, MARCH))
                .withMessage("this UsageService is closed");
        assertThat(fixture.cache.reads()).isZero();
    }

    @Test
    void theThreadsOfItsOwnPoolEnd() throws InterruptedException {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        Thread thread = fixture.calculator.threads().get(0);
        assertThat(thread.isAlive())
                .as("idle, but there, before the service is closed")
                .isTrue();

        service.close();

        thread.join(30_000);
        assertThat(thread.isAlive()).isFalse();
    }

    @Test
    void computationsThatRunAreWaitedForAndAnswered() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().drainTimeout(Duration.ofMinutes(1)));
        fixture.calculator.hold();
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        Thread closing = new Thread(service::close);
        closing.start();
        while (closing.getState() != Thread.State.TIMED_WAITING && closing.isAlive()) {
            Thread.onSpinWait();
        }
        assertThat(closing.isAlive()).as("close waits").isTrue();

        fixture.calculator.release();

        assertFigure(ServiceFixture.done(caller));
        closing.join(30_000);
        assertThat(closing.isAlive()).isFalse();
    }

    @Test
    void computationsThatDoNotEndInTimeAreInterruptedAndThoseThatWaitFailAtOnce() throws InterruptedException {
        UsageService service = fixture.open(
                fixture.builder().computationTimeout(Duration.ofHours(1)).drainTimeout(Duration.ofMillis(100)));
        fixture.calculator.hold();
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        for (int others = 1; others < POOL_THREADS; others++) {
            service.getAsync("org-other-" + others, MARCH);
            fixture.calculator.awaitBegun(1);
        }
        CompletionStage<UsageResult> waiting = service.getAsync("org-waiting", MARCH);
        Thread thread = fixture.calculator.threads().get(0);

        service.close();

        assertThat(ServiceFixture.failure(caller))
                .as("closed, or interrupted, whichever is first")
                .isInstanceOf(UsageCalculationException.class);
        assertThat(ServiceFixture.failureOf(waiting))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessage("the service was closed before the usage of \"org-waiting\" in 2026-03 was computed");
        thread.join(30_000);
        assertThat(thread.isAlive()).isFalse();
    }

    @Test
    void aComputationThatIgnoresItsInterruptIsWaitedForASecondAtMost() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        UsageService service = UsageService.builder((key, timeout) -> {
                    begun.countDown();
                    while (end.getCount() > 0) {
                        Thread.onSpinWait(); // and never looks at the interrupt
                    }
                    throw new UsageCalculationException("ended", null);
                })
                .drainTimeout(Duration.ZERO)
                .build();
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        begun.await();
        long began = System.nanoTime();

        service.close();

        try {
            assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(30));
            assertThat(ServiceFixture.failureOf(caller)).hasMessageContaining("the service was closed before");
        } finally {
            end.countDown();
        }
    }

    @Test
    void aHostsExecutorIsLeftAlone() {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            UsageService service = fixture.open(fixture.builder().executor(executor));
            service.get(ORG, MARCH);

            service.close();

            assertThat(executor.isShutdown()).isFalse();
            assertThat(ServiceFixture.done(executor.submit(() -> "still working")))
                    .isEqualTo("still working");
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void cacheAndSingleFlightAreClosedOnceHoweverOftenTheServiceIs() {
        AtomicInteger closes = new AtomicInteger();
        BrokenFlights flights = new BrokenFlights(new IllegalStateException("not used"));
        UsageService service =
                fixture.open(fixture.builder().singleFlight(flights).cache(new BareCache() {
                    @Override
                    public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                        return fixture.cache.get(key);
                    }

                    @Override
                    public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                        return fixture.cache.put(key, entry, timeToLive);
                    }

                    @Override
                    public void close() {
                        closes.incrementAndGet();
                    }
                }));
        assertThat(closes).hasValue(0);

        service.close();
        service.close();

        assertThat(closes).as("closes of the cache").hasValue(1);
        assertThat(flights.closes()).as("closes of the single-flight").isEqualTo(1);
    }

    @Test
    void aServiceThatIsNotUsedStartsNoThread() {
        Set<Thread> before = Thread.getAllStackTraces().keySet();
        fixture.open();
        assertThat(Thread.getAllStackTraces().keySet())
                .filteredOn(thread -> !before.contains(thread))
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("usagekit"));
    }
}
