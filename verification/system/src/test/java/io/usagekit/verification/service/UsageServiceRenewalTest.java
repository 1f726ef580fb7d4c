package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@code refresh}: a figure computed from now on, whatever is cached. */
class UsageServiceRenewalTest {

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aFreshFigureIsComputedAnewKeptAndReturned() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.database.received(ORG, START, 10);

        UsageResult renewed = service.refresh(ORG, MARCH);

        assertNewFigure(renewed);
        assertNewFigure(service.get(ORG, MARCH));
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void withoutWaitingToo() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(Duration.ZERO);
        fixture.database.received(ORG, START, 10);
        fixture.calculator.hold();

        CompletionStage<UsageResult> stage = service.refreshAsync(ORG, MARCH);

        fixture.calculator.awaitBegun(1);
        assertThat(stage.toCompletableFuture()).isNotDone();
        fixture.calculator.release();
        assertNewFigure(ServiceFixture.resultOf(stage));
    }

    @Test
    void theCacheIsntRead() {
        UsageService service = fixture.open();
        service.refresh(ORG, MARCH);
        assertThat(fixture.cache.reads()).isZero();
        assertThat(fixture.events.names()).containsExactly("computed");
    }

    @Test
    void itJoinsTheComputationUnderWay() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        Future<UsageResult> miss = fixture.call(() -> service.get(ORG, MARCH));
        fixture.calculator.awaitBegun(1);
        Future<UsageResult> renewal = fixture.call(() -> service.refresh(ORG, MARCH));
        fixture.events.await("coalesced", 1);
        fixture.calculator.release();

        assertFigure(ServiceFixture.done(miss));
        assertThat(ServiceFixture.done(renewal).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    /** A miss that is about to look once more, finds what another process has kept, and has a renewal aboard. */
    @Test
    void whoJoinsAMissThatFindsAnOldFigureComputesForItself() throws InterruptedException {
        GatedCache cache = new GatedCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(cache));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> miss = service.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> renewal = service.refreshAsync(ORG, MARCH);
        fixture.keep(Duration.ofMinutes(9));
        fixture.database.received(ORG, START, 10);

        cache.release();

        assertThat(ServiceFixture.resultOf(miss).age()).contains(Duration.ofMinutes(9));
        assertNewFigure(ServiceFixture.resultOf(renewal));
    }

    @Test
    void aWindowUnderAnotherNameIsRenewedUnderThat() {
        UsageService service = fixture.open();
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        assertThat(service.refresh(ORG, window).key().period().label()).isEqualTo(window.label());
    }

    @Test
    void aFailureIsThrownThoughThereIsAFigureWhichStays() {
        UsageService service = fixture.open(fixture.builder().errorBackOff(Duration.ofSeconds(1)));
        fixture.keep(Duration.ZERO);
        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.refresh(ORG, MARCH));
        assertThat(ServiceFixture.failureOf(service.refreshAsync(ORG, MARCH)))
                .isInstanceOf(UsageCalculationException.class);
        assertThat(fixture.calculator.calls()).as("nobody is held off").isEqualTo(2);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void withoutRoomItIsOverload() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        assertThatExceptionOfType(UsageOverloadedException.class).isThrownBy(() -> service.refresh(ORG, MARCH));
    }

    @Test
    void argumentsAreChecked() {
        UsageService service = fixture.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.refresh(" ", MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.refreshAsync(" ", MARCH));
        service.close();
        assertThatIllegalStateException().isThrownBy(() -> service.refresh(ORG, MARCH));
        assertThatIllegalStateException().isThrownBy(() -> service.refreshAsync(ORG, MARCH));
    }

    private static void assertNewFigure(UsageResult result) {
        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
    }
}
