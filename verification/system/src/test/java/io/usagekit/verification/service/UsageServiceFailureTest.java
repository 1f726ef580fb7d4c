package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageInterruptedException;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What goes wrong with a computation, with its thread, or with the caller. */
class UsageServiceFailureTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private final ServiceFixture fixture = new ServiceFixture();
    private final ManualTimers timers = new ManualTimers();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void whoeverInterruptsTheComputationsThreadInterruptsNoCaller() {
        UsageInterruptedException interrupted = new UsageInterruptedException("interrupted while it computed", null);
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
            Thread.currentThread().interrupt();
            throw interrupted;
        }));

        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withCause(interrupted);
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
    }

    @Test
    void theCalculatorsOwnTypedErrorReachesTheCallerAsItIs() {
        UsageCalculationException failure = new UsageCalculationException("no database", null);
        assertThat(failureOf((key, timeout) -> {
                    throw failure;
                }))
                .isSameAs(failure);
    }

    @Test
    void anyOtherExceptionIsTheCauseOfATypedOne() {
        IllegalStateException broken = new IllegalStateException("broken");
        assertThat(failureOf((key, timeout) -> {
                    throw broken;
                }))
                .hasMessageContainingAll("\"org-123\" in 2026-03", "broken")
                .hasCause(broken);
    }

    @Test
    void anErrorIsTheCauseOfATypedExceptionToo() {
        StackOverflowError deep = new StackOverflowError("deep");
        assertThat(failureOf((key, timeout) -> {
                    throw deep;
                }))
                .hasMessageContaining("\"org-123\" in 2026-03")
                .hasCause(deep);
    }

    @Test
    @SuppressWarnings("NullAway") // a calculator that breaks its promise
    void aCalculatorThatReturnsNothingFails() {
        assertThat(failureOf((key, timeout) -> null)).hasCauseInstanceOf(NullPointerException.class);
    }

    @Test
    void aCalculatorThatReturnsAnotherKeysFigureFailsAndTheFigureIsNotKept() {
        UsageKey other = new UsageKey("org-666", MARCH);
        assertThat(failureOf((key, timeout) -> fixture.database.calculate(other, timeout)))
                .hasMessage("the calculator was asked for \"org-123\" in 2026-03 but returned \"org-666\" in 2026-03");
        assertThat(fixture.cache.writes()).isZero();
    }

    @Test
    void aComputationThatTakesTooLongIsATypedErrorAndItsLateFigureIsNotKept() throws InterruptedException {
        ExecutorService executor = Executors.newCachedThreadPool();
        UsageService service = fixture.open(timed().executor(executor));
        fixture.calculator.hold();

        assertThat(timeout(service))
                .hasMessage("the usage of \"org-123\" in 2026-03 wasn't computed within PT30S")
                .hasCauseInstanceOf(TimeoutException.class);

        fixture.calculator.release();
        executor.shutdown();
        assertThat(executor.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
        assertThat(fixture.events.names()).as("it did come").containsExactly("miss", "computed");
        assertThat(fixture.cache.writes()).as("figures kept").isZero();
    }

    @Test
    void afterATimeoutTheNextCallStartsAComputationOfItsOwn() throws InterruptedException {
        UsageService service = fixture.open(timed());
        fixture.calculator.hold();
        timeout(service);
        timeout(service);
        assertThat(fixture.calculator.calls()).isEqualTo(2);
        assertThat(fixture.events.count("coalesced")).isZero();
    }

    @Test
    void aTimeoutAfterAFailureThatNoRetryCuresIsOneAsWell() throws InterruptedException {
        UsageService service = failingOnce();
        fixture.calculator.hold();

        UsageCalculationException timedOut = timeout(service);

        assertThat(timedOut)
                .hasMessageContaining("wasn't computed within PT30S; the computation before failed: no such schema");
        assertThat(timedOut.isTransient()).isFalse();
        assertThat(timeout(service).isTransient())
                .as("the second time-out, of a computation after one that didn't fail for good")
                .isTrue();
    }

    @Test
    void aTimeoutIsTransientOnceAnyFigureWasComputedAfterTheFailure() throws InterruptedException {
        UsageService service = failingOnce();
        service.get("org-7", MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.calculator.hold();

        assertThat(timeout(service).isTransient()).isTrue();
    }

    /** A service whose first computation has failed with an error that no retry cures. */
    private UsageService failingOnce() {
        AtomicBoolean failed = new AtomicBoolean();
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    if (failed.compareAndSet(false, true)) {
                        throw UsageCalculationException.permanent("no such schema", null);
                    }
                    return fixture.calculator.calculate(key, timeout);
                })
                .errorBackOff(Duration.ZERO)
                .singleFlight(timers.singleFlight())
                .computationTimeout(TIMEOUT));
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .matches(failure -> !failure.isTransient());
        return service;
    }

    /** A service whose loads time out when the test says so. */
    private UsageServiceBuilder timed() {
        return fixture.builder().singleFlight(timers.singleFlight()).computationTimeout(TIMEOUT);
    }

    /** The failure of a load that times out while it computes. */
    private UsageCalculationException timeout(UsageService service) throws InterruptedException {
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        timers.goOff();
        Throwable failure = ServiceFixture.failure(caller);
        assertThat(failure).isInstanceOf(UsageCalculationException.class);
        return (UsageCalculationException) failure;
    }

    @Test
    void theCalculatorIsToldHowLongItMayTake() {
        fixture.open(fixture.builder().computationTimeout(Duration.ofSeconds(7)))
                .get(ORG, MARCH);
        assertThat(fixture.calculator.timeouts()).containsExactly(Duration.ofSeconds(7));
    }

    @Test
    void theWaitForAThreadCountsAgainstTheTimeTheCalculatorHas() {
        UsageService service = fixture.open(
                fixture.builder().computationTimeout(Duration.ofSeconds(7)).executor(task -> {
                    fixture.clock.advance(Duration.ofSeconds(2));
                    task.run();
                }));
        service.get(ORG, MARCH);
        assertThat(fixture.calculator.timeouts()).containsExactly(Duration.ofSeconds(5));
    }

    @Test
    void aComputationWhoseTimeIsOverBeforeItHasAThreadIsNotBegun() {
        Queue<Runnable> waiting = new ArrayDeque<>();
        UsageService service = fixture.open(timed().executor(waiting::add));
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        timers.goOff();
        assertThat(ServiceFixture.failureOf(caller))
                .isInstanceOf(UsageOverloadedException.class)
                .hasMessageContaining("wasn't computed within " + TIMEOUT + ": the executor had no thread for it");

        waiting.forEach(Runnable::run);

        assertThat(fixture.calculator.calls()).isZero();
    }

    @Test
    void aMissThatTheExecutorRejectsIsHandedOverUntilItIsTaken() {
        AtomicInteger rejections = new AtomicInteger();
        UsageService service = fixture.open(fixture.builder().executor(task -> {
            if (rejections.incrementAndGet() <= 3) {
                throw new RejectedExecutionException("full");
            }
            fixture.execute(task);
        }));

        assertFigure(service.get(ORG, MARCH));

        assertThat(rejections).hasValue(4);
        assertThat(fixture.events.names()).containsExactly("miss", "computed");
    }

    @Test
    void aMissThatTheExecutorNeverTakesIsOverloadWhenItsTimeIsOver() {
        RejectedExecutionException rejected = new RejectedExecutionException("full");
        UsageService service = fixture.open(timed().executor(task -> {
            throw rejected;
        }));
        CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
        timers.goOff();

        assertThat(ServiceFixture.failureOf(caller))
                .isInstanceOf(UsageOverloadedException.class)
                .hasMessageContaining("the usage of \"org-123\" in 2026-03 wasn't computed within PT30S")
                .hasCause(rejected);
    }

    @Test
    void whoDoesntWaitForAnExecutorThatTakesNothingIsToldThatItIsPending() {
        for (MissPolicy policy : List.of(MissPolicy.pending(), MissPolicy.awaitUpTo(TIMEOUT))) {
            UsageService service = fixture.open(timed().missPolicy(policy).executor(task -> {
                throw new RejectedExecutionException("full");
            }));
            CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
            timers.goOff();
            assertThat(ServiceFixture.resultOf(caller).freshness())
                    .as("under %s", policy)
                    .isEqualTo(Freshness.PENDING);
        }
    }

    @Test
    void theServicesOwnPoolRunsFourComputationsKeepsAThousandWaitingAndRejectsTheRest() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        List<CompletionStage<UsageResult>> accepted = new ArrayList<>();
        for (int i = 0; i < 4 + 1_000; i++) {
            accepted.add(service.getAsync("org-" + i, MARCH));
        }
        fixture.calculator.awaitBegun(4);

        assertThat(ServiceFixture.failureOf(service.getAsync("one-too-many", MARCH)))
                .isInstanceOf(UsageOverloadedException.class);

        fixture.calculator.release();
        accepted.forEach(ServiceFixture::resultOf);
        assertThat(fixture.calculator.mostAtOnce()).isEqualTo(4);
        assertThat(fixture.calculator.calls()).isEqualTo(1_004);
    }

    @Test
    void theServicesOwnThreadsAreNamedDaemons() {
        fixture.open().get(ORG, MARCH);
        Thread thread = fixture.calculator.threads().get(0);
        assertThat(thread.getName()).startsWith("usagekit-computation-");
        assertThat(thread.isDaemon()).isTrue();
    }

    @Test
    void aCallerInterruptedWhileItWaitsIsToldAndStaysInterruptedAndTheComputationGoesOn() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        List<Thread> waiting = new ArrayList<>();
        AtomicBoolean marked = new AtomicBoolean();
        Future<UsageResult> caller = fixture.call(() -> {
            synchronized (waiting) {
                waiting.add(Thread.currentThread());
            }
            try {
                return service.get(ORG, MARCH);
            } finally {
                marked.set(Thread.interrupted());
            }
        });
        fixture.calculator.awaitBegun(1);
        Future<UsageResult> bystander = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 1);

        synchronized (waiting) {
            waiting.get(0).interrupt();
        }

        assertThat(ServiceFixture.failure(caller)).isInstanceOf(UsageInterruptedException.class);
        assertThat(marked).as("interrupt status").isTrue();
        fixture.calculator.release();
        assertFigure(ServiceFixture.done(bystander));
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY))).isPresent();
    }

    @Test
    void impossibleOrganisationsAreRejectedBeforeAnythingIsRead() {
        UsageService service = fixture.open();
        for (String id : List.of("", " \t", "x".repeat(256), "x".repeat(10_000), "a\u0000b", "a\ud83d")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> service.get(id, MARCH))
                    .withMessageStartingWith("organisationId must ");
            assertThatIllegalArgumentException()
                    .as("thrown by the call itself, not by its stage")
                    .isThrownBy(() -> service.getAsync(id, MARCH))
                    .withMessageStartingWith("organisationId must ");
        }
        assertThat(fixture.cache.reads()).isZero();
        assertThat(fixture.calculator.calls()).isZero();
        assertThat(fixture.events.names()).isEmpty();
    }

    private UsageCalculationException failureOf(UsageCalculator calculator) {
        UsageService service = fixture.open(
                UsageService.builder(calculator).cache(fixture.cache).listener(fixture.events));
        Throwable failure = ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH)));
        assertThat(fixture.events.details("computationFailed")).containsExactly(failure);
        assertThat(failure).isInstanceOf(UsageCalculationException.class);
        return (UsageCalculationException) failure;
    }
}
