package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How long a caller waits for a figure that isn't cached; the computation goes on in any case. */
class UsageServiceMissPolicyTest {

    private static final MissPolicy BRIEFLY = MissPolicy.awaitUpTo(Duration.ofMillis(50));
    private static final MissPolicy LONG = MissPolicy.awaitUpTo(Duration.ofHours(1));

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void awaitWaitsForTheFigure() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.await()));
        fixture.calculator.hold();
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        assertThat(caller).isNotDone();

        fixture.calculator.release();

        assertFigure(ServiceFixture.done(caller));
    }

    @Test
    void pendingAnswersWhileTheComputationIsHeld() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator.hold();

        assertPending(service.get(ORG, MARCH));

        fixture.calculator.awaitBegun(1);
    }

    @Test
    void viewWaitsAsItsOwnPolicySaysAndSharesLoadAndCache() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.await()));
        UsageService pending = service.with(MissPolicy.pending());
        fixture.calculator.hold();
        Future<UsageResult> caller = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);

        assertPending(pending.get(ORG, MARCH));
        assertPending(ServiceFixture.resultOf(pending.getAsync(ORG, MARCH)));
        assertPending(pending.with(BRIEFLY).get(ORG, MARCH));
        assertThat(caller).as("the service itself still waits").isNotDone();
        fixture.calculator.release();

        assertFigure(ServiceFixture.done(caller));
        assertFigure(pending.get(ORG, MARCH));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void closingViewLeavesServiceOpenAndClosingServiceClosesView() {
        UsageService service = fixture.open(fixture.builder());
        UsageService view = service.with(MissPolicy.pending());
        view.close();
        assertFigure(service.get(ORG, MARCH));
        assertFigure(view.get(ORG, MARCH));

        service.close();

        assertThatIllegalStateException().isThrownBy(() -> view.get(ORG, MARCH)).withMessageContaining("closed");
    }

    @Test
    void awaitUpToAnswersPendingOnceItsTimeIsOver() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().missPolicy(BRIEFLY));
        fixture.calculator.hold();

        assertPending(service.get(ORG, MARCH));

        fixture.calculator.awaitBegun(1);
    }

    @Test
    void awaitUpToAnswersTheFigureIfItComesInTime() {
        UsageService service = fixture.open(fixture.builder().missPolicy(LONG));

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertFigure(result);
    }

    @Test
    void afterAPendingAnswerTheComputationGoesOnAndItsFigureIsKept() {
        for (MissPolicy policy : List.of(MissPolicy.pending(), BRIEFLY)) {
            try (ServiceFixture fresh = new ServiceFixture()) {
                UsageService service = fresh.open(fresh.builder().missPolicy(policy));
                fresh.calculator.hold();
                assertPending(service.get(ORG, MARCH));
                fresh.calculator.release();
                fresh.events.awaitLoads();

                UsageResult result = service.get(ORG, MARCH);

                assertThat(result.freshness()).as("under %s", policy).isEqualTo(Freshness.FRESH);
                assertFigure(result);
                assertThat(fresh.calculator.calls()).isEqualTo(1);
            }
        }
    }

    @Test
    void thoseWhoAskAgainMeanwhileAllJoinTheOneComputation() {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator.hold();

        for (int i = 0; i < 20; i++) {
            assertPending(service.get(ORG, MARCH));
        }

        assertThat(fixture.events.count("coalesced")).isEqualTo(19);
    }

    @Test
    void aComputationThatFailsAfterAPendingAnswerIsBegunAgainByTheNextCall() {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator.hold();
        fixture.database.goDown();
        assertPending(service.get(ORG, MARCH));
        fixture.calculator.release();
        fixture.events.awaitLoads();
        fixture.database.comeBack();
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();

        assertFigure(service.get(ORG, MARCH));
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void aPolicyForMissesLeavesHitsAlone() {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.keep(Duration.ofSeconds(5));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);

        fixture.clock.advance(Duration.ofMinutes(2));

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
    }

    @Test
    void aPendingAnswerTellsWhenItWasGiven() {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator.hold();
        fixture.clock.advance(Duration.ofSeconds(90));

        assertThat(service.get(ORG, MARCH).createdAt()).isEqualTo(START.plusSeconds(90));
    }

    private static void assertPending(UsageResult result) {
        assertThat(result.freshness()).isEqualTo(Freshness.PENDING);
        assertThat(result.key()).isEqualTo(KEY);
        assertThat(result.usage()).as("no figure, and so no zeros").isEmpty();
        assertThat(result.age()).isEmpty();
    }
}
