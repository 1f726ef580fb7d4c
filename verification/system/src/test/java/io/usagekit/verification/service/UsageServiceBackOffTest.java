package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
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

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void theSameErrorUntilItIsOverThenAnotherAttempt() {
        UsageService service = scene.open(builder());
        Throwable first = failAfterAnAttempt(service);
        scene.database.comeBack();
        scene.clock.advance(STILL);
        for (int i = 0; i < 10; i++) {
            assertThat(Scene.failure(scene.call(() -> service.get(ORG, MARCH)))).isSameAs(first);
        }
        assertThat(scene.calculator.calls()).isEqualTo(1);

        scene.clock.advance(REST);

        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void byDefaultItLastsASecondGiveOrTakeAHalf() {
        UsageService service = scene.open(
                UsageService.builder(scene.calculator).cache(scene.cache).ticker(scene.clock.ticker()));
        failAfterAnAttempt(service);
        scene.clock.advance(Duration.ofMillis(500).minusNanos(1));
        failWithoutAnAttempt(service);
        scene.clock.advance(Duration.ofSeconds(1).plusNanos(1));
        failAfterAnAttempt(service);
    }

    @Test
    void whoLookedBeforeTheFailureAndIsHeldUpUntilAllIsOverGetsItToo() {
        UsageService service = scene.open(builder());
        CountDownLatch held = new CountDownLatch(1);
        CountDownLatch gate = new CountDownLatch(1);
        scene.events.beforeNextLoad(() -> {
            held.countDown();
            Scene.await(gate);
        });
        Future<UsageResult> late = scene.call(() -> service.get(ORG, MARCH));
        Scene.await(held);
        Throwable first = failAfterAnAttempt(service);

        gate.countDown();

        assertThat(Scene.failure(late)).isSameAs(first);
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void otherPeriodsAndOrganisationsArentHeldOff() {
        UsageService service = scene.open(builder());
        failAfterAnAttempt(service);
        scene.database.comeBack();
        service.get("org-124", MARCH);
        service.get(ORG, UsagePeriod.month(YearMonth.of(2026, 4)));
        failWithoutAnAttempt(service);
    }

    @Test
    void aFailedRefreshHoldsOffTheNextAndTheStaleFigureIsServed() {
        UsageService service = scene.open(builder());
        scene.keep(Duration.ofMinutes(2));
        scene.database.goDown();
        for (int i = 0; i < 5; i++) {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            scene.events.awaitLoads();
        }
        assertThat(scene.calculator.calls()).isEqualTo(1);
        assertThat(scene.events.count("refreshFailed")).isEqualTo(1);
        scene.clock.advance(STILL.plus(REST));
        service.get(ORG, MARCH);
        scene.events.awaitLoads();
        assertThat(scene.calculator.calls()).isEqualTo(2);
    }

    @Test
    void underAPolicyThatDoesntWaitAnErrorStaysAnError() {
        UsageService service = scene.open(builder().missPolicy(MissPolicy.pending()));
        scene.database.goDown();
        scene.calculator.hold();
        assertThat(service.get(ORG, MARCH).isPending()).isTrue();
        scene.calculator.release();
        scene.events.awaitLoads();
        failWithoutAnAttempt(service);
    }

    @Test
    void anInvalidationEndsItForItsKey() {
        UsageService service = scene.open(builder());
        failAfterAnAttempt(service);
        scene.database.comeBack();
        service.invalidate(ORG, MARCH);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void anInvalidationOfTheOrganisationEndsItToo() {
        UsageService service = scene.open(builder());
        failAfterAnAttempt(service);
        scene.database.comeBack();
        service.invalidate("org-124");
        failWithoutAnAttempt(service);
        service.invalidate(ORG);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void aFigureComputedMeanwhileEndsIt() {
        UsageService service = scene.open(builder().cache(new ForgetfulCache()));
        failAfterAnAttempt(service);
        scene.database.comeBack();
        assertFigure(service.refresh(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void whatTheDatabaseWasNeverAskedForHoldsNobodyOff() {
        UsageService service =
                scene.open(builder().computationTimeout(Duration.ofMillis(50)).executor(task -> {
                    if (scene.events.count("miss") == 1) {
                        throw new RejectedExecutionException("full");
                    }
                    task.run();
                }));
        assertThatExceptionOfType(UsageOverloadedException.class).isThrownBy(() -> service.get(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void aComputationThatTookTooLongHoldsOffToo() throws InterruptedException {
        UsageService service = scene.open(builder().computationTimeout(Duration.ofMillis(500)));
        scene.calculator.hold();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
        failWithoutAnAttempt(service);
    }

    private UsageServiceBuilder builder() {
        return scene.builder().errorBackOff(LENGTH);
    }

    private Throwable failAfterAnAttempt(UsageService service) {
        int before = scene.calculator.calls();
        scene.database.goDown();
        Throwable failure = Scene.failure(scene.call(() -> service.get(ORG, MARCH)));
        assertThat(failure).isInstanceOf(UsageCalculationException.class);
        assertThat(scene.calculator.calls()).as("attempts").isEqualTo(before + 1);
        return failure;
    }

    private void failWithoutAnAttempt(UsageService service) {
        int before = scene.calculator.calls();
        assertThatExceptionOfType(UsageException.class).isThrownBy(() -> service.get(ORG, MARCH));
        assertThat(scene.calculator.calls()).as("attempts").isEqualTo(before);
    }
}
