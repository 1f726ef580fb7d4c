package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.START;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.time.Duration;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Past its hard limit a figure is a last resort, marked as such, for as long as its grace. */
class UsageServiceStaleIfErrorTest {

    private static final Duration TTL = Duration.ofMinutes(10);
    private static final Duration GRACE = Duration.ofMinutes(30);
    private static final Duration NANO = Duration.ofNanos(1);

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void whileItCanBeComputedTheOldFigureIsntServed() {
        UsageService service = scene.open(builder());
        scene.keep(TTL);
        scene.database.received(ORG, START, 10);

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
        assertThat(scene.events.names()).containsExactly("miss", "computed");
    }

    @Test
    void whenTheDatabaseFailsItIs() {
        UsageService service = scene.open(builder());
        scene.keep(TTL);
        scene.database.goDown();

        UsageResult result = service.get(ORG, MARCH);

        assertOld(result, TTL);
        assertThat(scene.events.names()).containsExactly("miss", "computationFailed", "staleServed");
        assertThat(scene.events.details("staleServed")).containsExactly(TTL);
    }

    @Test
    void itIsServedUntilItsGraceIsOver() {
        UsageService service = scene.open(builder());
        service.get(ORG, MARCH);
        scene.database.goDown();
        scene.clock.advance(TTL.minus(NANO));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        scene.events.awaitLoads();
        scene.clock.advance(NANO);
        assertOld(service.get(ORG, MARCH), TTL);
        scene.clock.advance(GRACE.minus(NANO));
        assertOld(service.get(ORG, MARCH), TTL.plus(GRACE).minus(NANO));
        scene.clock.advance(NANO);
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void howeverLongTheCacheKeepsItItsGraceEndsByThisServicesLimits() {
        UsageService service = scene.open(builder());
        scene.keep(TTL.plus(GRACE));
        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void aFigureIsKeptForItsTimeAndItsGraceTogether() {
        scene.open(builder()).get(ORG, MARCH);
        scene.clock.advance(TTL.plus(GRACE).minus(NANO));
        assertThat(Scene.resultOf(scene.cache.get(KEY)).map(AgedUsage::age))
                .contains(TTL.plus(GRACE).minus(NANO));
        scene.clock.advance(NANO);
        assertThat(Scene.resultOf(scene.cache.get(KEY))).isEmpty();
    }

    @Test
    void duringTheBackOffItIsServedWithoutAnotherAttempt() {
        UsageService service = scene.open(builder().errorBackOff(Duration.ofSeconds(10)));
        scene.keep(TTL);
        scene.database.goDown();
        for (int i = 0; i < 5; i++) {
            assertOld(service.get(ORG, MARCH), TTL);
        }
        assertThat(scene.calculator.calls()).isEqualTo(1);
        scene.database.comeBack();
        scene.clock.advance(Duration.ofSeconds(15));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void whenTheComputationTakesTooLongItIsServed() {
        UsageService service = scene.open(builder().computationTimeout(Duration.ofMillis(50)));
        scene.keep(TTL);
        scene.calculator.hold();
        assertOld(service.get(ORG, MARCH), TTL);
    }

    @Test
    void whenThereIsNoRoomToComputeItIsServed() throws InterruptedException {
        UsageService service = scene.open(builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.keep(TTL);
        scene.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        scene.calculator.awaitBegun(1);
        assertOld(service.get(ORG, MARCH), TTL);
        assertThat(scene.events.count("overloaded")).isEqualTo(1);
    }

    @Test
    void whoDoesntWaitGetsItInsteadOfPending() throws InterruptedException {
        scene.keep(TTL);
        scene.calculator.hold();
        UsageService atOnce = scene.open(builder().missPolicy(MissPolicy.pending()));
        assertOld(atOnce.get(ORG, MARCH), TTL);
        scene.calculator.awaitBegun(1);
        UsageService briefly = scene.open(builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        assertOld(briefly.get(ORG, MARCH), TTL);
        assertThat(scene.events.names()).doesNotContain("pendingServed");
    }

    @Test
    void whoWaitsForAWhileGetsTheNewOneIfItComesInTime() {
        scene.keep(TTL);
        UsageService service = scene.open(builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofHours(1))));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void allWhoJoinedAFailedComputationGetIt() throws InterruptedException {
        UsageService service = scene.open(builder());
        scene.keep(TTL);
        scene.calculator.hold();
        scene.database.goDown();
        var callers = scene.callManyTimes(16, () -> service.get(ORG, MARCH));
        scene.events.await("coalesced", 15);
        scene.calculator.release();
        for (Future<UsageResult> caller : callers) {
            assertOld(Scene.done(caller), TTL);
        }
        assertThat(scene.calculator.calls()).isEqualTo(1);
    }

    @Test
    void noGraceIsNoLastResort() {
        UsageService service = scene.open(scene.builder());
        scene.keep(TTL);
        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void onesFigureIsNoLastResortForAnother() {
        UsageService service = scene.open(builder());
        scene.keep(new UsageKey("org-124", MARCH), TTL);
        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    private UsageServiceBuilder builder() {
        return scene.builder().ttl(TTL).staleIfError(GRACE);
    }

    private static void assertOld(UsageResult result, Duration age) {
        assertThat(result.freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        assertThat(result.age()).contains(age);
        assertFigure(result);
    }
}
