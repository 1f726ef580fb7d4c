package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.START;
import static io.usagekit.verification.service.Scene.assertFigure;
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

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void aFreshFigureIsComputedAnewKeptAndReturned() {
        UsageService service = scene.open();
        service.get(ORG, MARCH);
        scene.database.received(ORG, START, 10);

        UsageResult renewed = service.refresh(ORG, MARCH);

        assertNewFigure(renewed);
        assertNewFigure(service.get(ORG, MARCH));
        assertThat(scene.calculator.calls()).isEqualTo(2);
    }

    @Test
    void withoutWaitingToo() throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(Duration.ZERO);
        scene.database.received(ORG, START, 10);
        scene.calculator.hold();

        CompletionStage<UsageResult> stage = service.refreshAsync(ORG, MARCH);

        scene.calculator.awaitBegun(1);
        assertThat(stage.toCompletableFuture()).isNotDone();
        scene.calculator.release();
        assertNewFigure(Scene.resultOf(stage));
    }

    @Test
    void theCacheIsntRead() {
        UsageService service = scene.open();
        service.refresh(ORG, MARCH);
        assertThat(scene.cache.reads()).isZero();
        assertThat(scene.events.names()).containsExactly("computed");
    }

    @Test
    void itJoinsTheComputationUnderWay() throws InterruptedException {
        UsageService service = scene.open();
        scene.calculator.hold();
        Future<UsageResult> miss = scene.call(() -> service.get(ORG, MARCH));
        scene.calculator.awaitBegun(1);
        Future<UsageResult> renewal = scene.call(() -> service.refresh(ORG, MARCH));
        scene.events.await("coalesced", 1);
        scene.calculator.release();

        assertFigure(Scene.done(miss));
        assertThat(Scene.done(renewal).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    /** A miss that is about to look once more, finds what another process has kept, and has a renewal aboard. */
    @Test
    void whoJoinsAMissThatFindsAnOldFigureComputesForItself() throws InterruptedException {
        GatedCache cache = new GatedCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(cache));
        cache.holdReadsAfter(1);
        CompletionStage<UsageResult> miss = service.getAsync(ORG, MARCH);
        CompletionStage<UsageResult> renewal = service.refreshAsync(ORG, MARCH);
        scene.keep(Duration.ofMinutes(9));
        scene.database.received(ORG, START, 10);

        cache.release();

        assertThat(Scene.resultOf(miss).age()).contains(Duration.ofMinutes(9));
        assertNewFigure(Scene.resultOf(renewal));
    }

    @Test
    void aWindowUnderAnotherNameIsRenewedUnderThat() {
        UsageService service = scene.open();
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        assertThat(service.refresh(ORG, window).key().period().label()).isEqualTo(window.label());
    }

    @Test
    void aFailureIsThrownThoughThereIsAFigureWhichStays() {
        UsageService service = scene.open(scene.builder().errorBackOff(Duration.ofSeconds(1)));
        scene.keep(Duration.ZERO);
        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.refresh(ORG, MARCH));
        assertThat(Scene.failureOf(service.refreshAsync(ORG, MARCH))).isInstanceOf(UsageCalculationException.class);
        assertThat(scene.calculator.calls()).as("nobody is held off").isEqualTo(2);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void withoutRoomItIsOverload() throws InterruptedException {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        scene.calculator.awaitBegun(1);
        assertThatExceptionOfType(UsageOverloadedException.class).isThrownBy(() -> service.refresh(ORG, MARCH));
    }

    @Test
    void argumentsAreChecked() {
        UsageService service = scene.open();
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
