package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** After a failure, callers get the same error during the back-off, instead of an attempt each. */
class UsageServiceBackOffTest {

    private static final Duration LENGTH = Duration.ofSeconds(10);
    /** No back-off is shorter than half of its length, none longer than one and a half. */
    private static final Duration STILL = Duration.ofSeconds(5).minusNanos(1);

    private static final Duration REST = Duration.ofSeconds(10).plusNanos(1);

    private final ServiceFixture fixture = new ServiceFixture();
    private final ManualTimers timers = new ManualTimers();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void theSameErrorUntilItIsOverThenAnotherAttempt() {
        UsageService service = fixture.open(builder());
        Throwable first = failAfterAnAttempt(service);
        fixture.database.comeBack();
        fixture.clock.advance(STILL);
        for (int i = 0; i < 10; i++) {
            assertThat(ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH))))
                    .isSameAs(first);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);

        fixture.clock.advance(REST);

        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void byDefaultItLastsASecondGiveOrTakeAHalf() {
        UsageService service = fixture.open(
                UsageService.builder(fixture.calculator).cache(fixture.cache).ticker(fixture.clock.ticker()));
        failAfterAnAttempt(service);
        fixture.clock.advance(Duration.ofMillis(500).minusNanos(1));
        failWithoutAnAttempt(service);
        fixture.clock.advance(Duration.ofSeconds(1).plusNanos(1));
        failAfterAnAttempt(service);
    }

    @Test
    void whoLookedBeforeTheFailureAndIsHeldUpUntilAllIsOverGetsItToo() {
        UsageService service = fixture.open(builder());
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        fixture.events.beforeNextLoad(() -> {
            held.countDown();
            ServiceFixture.await(gate);
        });
        Future<UsageResult> late = fixture.call(() -> service.get(ORG, MARCH));
        ServiceFixture.await(held);
        Throwable first = failAfterAnAttempt(service);

        gate.countDown();

        assertThat(ServiceFixture.failure(late)).isSameAs(first);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void otherPeriodsAndOrganisationsArentHeldOff() {
        UsageService service = fixture.open(builder());
        failAfterAnAttempt(service);
        fixture.database.comeBack();
        service.get("org-124", MARCH);
        service.get(ORG, UsagePeriod.month(YearMonth.of(2026, 4)));
        failWithoutAnAttempt(service);
    }

    @Test
    void aFailedRefreshHoldsOffTheNextAndTheStaleFigureIsServed() {
        UsageService service = fixture.open(builder());
        fixture.keep(Duration.ofMinutes(2));
        fixture.database.goDown();
        for (int i = 0; i < 5; i++) {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            fixture.events.awaitLoads();
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(fixture.events.count("refreshFailed")).isEqualTo(1);
        fixture.clock.advance(STILL.plus(REST));
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void underAPolicyThatDoesntWaitAnErrorStaysAnError() {
        UsageService service = fixture.open(builder().missPolicy(MissPolicy.pending()));
        fixture.database.goDown();
        fixture.calculator.hold();
        assertThat(service.get(ORG, MARCH).isPending()).isTrue();
        fixture.calculator.release();
        fixture.events.awaitLoads();
        failWithoutAnAttempt(service);
    }

    @Test
    void anInvalidationEndsItForItsKey() {
        UsageService service = fixture.open(builder());
        failAfterAnAttempt(service);
        fixture.database.comeBack();
        service.invalidate(ORG, MARCH);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void anInvalidationOfTheOrganisationEndsItToo() {
        UsageService service = fixture.open(builder());
        failAfterAnAttempt(service);
        fixture.database.comeBack();
        service.invalidate("org-124");
        failWithoutAnAttempt(service);
        service.invalidate(ORG);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void aFigureComputedMeanwhileEndsIt() {
        UsageService service = fixture.open(builder().cache(new ForgetfulCache()));
        failAfterAnAttempt(service);
        fixture.database.comeBack();
        assertFigure(service.refresh(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void whatTheDatabaseWasNeverAskedForHoldsNobodyOff() {
        UsageService service =
                fixture.open(builder().singleFlight(timers.singleFlight()).executor(task -> {
                    if (fixture.events.count("miss") == 1) {
                        throw new RejectedExecutionException("full");
                    }
                    task.run();
                }));
        CompletionStage<UsageResult> refused = service.getAsync(ORG, MARCH);
        timers.goOff();
        assertThat(ServiceFixture.failureOf(refused)).isInstanceOf(UsageOverloadedException.class);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void aComputationThatTookTooLongHoldsOffToo() throws InterruptedException {
        UsageService service = fixture.open(builder().singleFlight(timers.singleFlight()));
        fixture.calculator.hold();
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        timers.goOff();
        assertThat(ServiceFixture.failure(caller)).isInstanceOf(UsageCalculationException.class);
        failWithoutAnAttempt(service);
    }

    private UsageServiceBuilder builder() {
        return fixture.builder().errorBackOff(LENGTH);
    }

    private Throwable failAfterAnAttempt(UsageService service) {
        int before = fixture.calculator.calls();
        fixture.database.goDown();
        Throwable failure = ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH)));
        assertThat(failure).isInstanceOf(UsageCalculationException.class);
        assertThat(fixture.calculator.calls()).as("attempts").isEqualTo(before + 1);
        return failure;
    }

    private void failWithoutAnAttempt(UsageService service) {
        int before = fixture.calculator.calls();
        assertThatExceptionOfType(UsageException.class).isThrownBy(() -> service.get(ORG, MARCH));
        assertThat(fixture.calculator.calls()).as("attempts").isEqualTo(before);
    }
}
