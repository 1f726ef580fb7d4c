package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
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

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void whileItCanBeComputedTheOldFigureIsntServed() {
        UsageService service = fixture.open(builder());
        fixture.keep(TTL);
        fixture.database.received(ORG, START, 10);

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertThat(result.usage().map(OrganisationUsage::received)).contains(new UsageMetrics(2, 1_034));
        assertThat(fixture.events.names()).containsExactly("miss", "computed");
    }

    @Test
    void whenTheDatabaseFailsItIs() {
        UsageService service = fixture.open(builder());
        fixture.keep(TTL);
        fixture.database.goDown();

        UsageResult result = service.get(ORG, MARCH);

        assertOld(result, TTL);
        assertThat(fixture.events.names()).containsExactly("miss", "computationFailed", "staleServed");
        assertThat(fixture.events.details("staleServed")).containsExactly(TTL);
    }

    @Test
    void itIsServedUntilItsGraceIsOver() {
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        fixture.database.goDown();
        fixture.clock.advance(TTL.minus(NANO));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();
        fixture.clock.advance(NANO);
        assertOld(service.get(ORG, MARCH), TTL);
        fixture.clock.advance(GRACE.minus(NANO));
        assertOld(service.get(ORG, MARCH), TTL.plus(GRACE).minus(NANO));
        fixture.clock.advance(NANO);
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void howeverLongTheCacheKeepsItItsGraceEndsByThisServicesLimits() {
        UsageService service = fixture.open(builder());
        fixture.keep(TTL.plus(GRACE));
        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void aFigureIsKeptForItsTimeAndItsGraceTogether() {
        fixture.open(builder()).get(ORG, MARCH);
        fixture.clock.advance(TTL.plus(GRACE).minus(NANO));
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)).map(AgedUsage::age))
                .contains(TTL.plus(GRACE).minus(NANO));
        fixture.clock.advance(NANO);
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY))).isEmpty();
    }

    @Test
    void duringTheBackOffItIsServedWithoutAnotherAttempt() {
        UsageService service = fixture.open(builder().errorBackOff(Duration.ofSeconds(10)));
        fixture.keep(TTL);
        fixture.database.goDown();
        for (int i = 0; i < 5; i++) {
            assertOld(service.get(ORG, MARCH), TTL);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        fixture.database.comeBack();
        fixture.clock.advance(Duration.ofSeconds(15));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void whenTheComputationTakesTooLongItIsServed() {
        UsageService service = fixture.open(builder().computationTimeout(Duration.ofMillis(50)));
        fixture.keep(TTL);
        fixture.calculator.hold();
        assertOld(service.get(ORG, MARCH), TTL);
    }

    @Test
    void whenThereIsNoRoomToComputeItIsServed() throws InterruptedException {
        UsageService service =
                fixture.open(builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        fixture.keep(TTL);
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        assertOld(service.get(ORG, MARCH), TTL);
        assertThat(fixture.events.count("overloaded")).isEqualTo(1);
    }

    @Test
    void whoDoesntWaitGetsItInsteadOfPending() throws InterruptedException {
        fixture.keep(TTL);
        fixture.calculator.hold();
        UsageService atOnce = fixture.open(builder().missPolicy(MissPolicy.pending()));
        assertOld(atOnce.get(ORG, MARCH), TTL);
        fixture.calculator.awaitBegun(1);
        UsageService briefly = fixture.open(builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        assertOld(briefly.get(ORG, MARCH), TTL);
        assertThat(fixture.events.names()).doesNotContain("pendingServed");
    }

    @Test
    void whoWaitsForAWhileGetsTheNewOneIfItComesInTime() {
        fixture.keep(TTL);
        UsageService service = fixture.open(builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofHours(1))));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void allWhoJoinedAFailedComputationGetIt() throws InterruptedException {
        UsageService service = fixture.open(builder());
        fixture.keep(TTL);
        fixture.calculator.hold();
        fixture.database.goDown();
        var callers = fixture.callManyTimes(16, () -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 15);
        fixture.calculator.release();
        for (Future<UsageResult> caller : callers) {
            assertOld(ServiceFixture.done(caller), TTL);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void noGraceIsNoLastResort() {
        UsageService service = fixture.open(fixture.builder());
        fixture.keep(TTL);
        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    @Test
    void onesFigureIsNoLastResortForAnother() {
        UsageService service = fixture.open(builder());
        fixture.keep(new UsageKey("org-124", MARCH), TTL);
        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class).isThrownBy(() -> service.get(ORG, MARCH));
    }

    private UsageServiceBuilder builder() {
        return fixture.builder().ttl(TTL).staleIfError(GRACE);
    }

    private static void assertOld(UsageResult result, Duration age) {
        assertThat(result.freshness()).isEqualTo(Freshness.STALE_ON_ERROR);
        assertThat(result.age()).contains(age);
        assertFigure(result);
    }
}
