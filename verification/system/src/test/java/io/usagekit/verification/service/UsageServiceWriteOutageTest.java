package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.Freshness;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageUnavailableException;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** While the shared cache can be read and refuses writes, and what a refresh without a figure costs the hits after it. */
class UsageServiceWriteOutageTest {

    private static final Duration BACK_OFF = Duration.ofSeconds(10);
    private static final int CALLS = 50;
    private static final String FAILING = "org-124";

    private final ServiceFixture fixture = new ServiceFixture();
    private final TwoTierCache cache = new TwoTierCache(fixture.clock, fixture.cache);

    @BeforeEach
    void begin() {
        cache.loseTrack();
        cache.readOnly(true);
    }

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void servesTheFallbackCopyOfAFigureThatCouldNotBeStored() {
        UsageService service = fixture.open(builder());
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        for (int call = 0; call < CALLS; call++) {
            UsageResult result = service.get(ORG, MARCH);
            assertThat(result.freshness()).isEqualTo(Freshness.STALE);
            assertFigure(result);
        }
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void triesToStoreAgainOnceInEachInterval() {
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        for (int interval = 1; interval <= 3; interval++) {
            fixture.clock.advance(BACK_OFF);
            callOften(service, Freshness.STALE);
            assertThat(fixture.calculator.calls()).isEqualTo(1 + interval);
        }
        cache.readOnly(false);
        fixture.clock.advance(BACK_OFF);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.events.awaitLoads();

        callOften(service, Freshness.FRESH);
        assertThat(fixture.calculator.calls()).isEqualTo(5);
    }

    @Test
    void aWriteOfAnyKeyEndsTheOutageOfAll() {
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        cache.readOnly(false);
        service.get("org-124", MARCH);

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        callOften(service, Freshness.FRESH);
        assertThat(fixture.calculator.calls()).isEqualTo(3);
    }

    @Test
    void refreshesASoftExpiredFigureOnceAndServesTheNewerCopy() {
        UsageService service = fixture.open(builder());
        fixture.keep(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofMinutes(2));
        fixture.events.awaitLoads();
        for (int call = 0; call < CALLS; call++) {
            UsageResult result = service.get(ORG, MARCH);
            assertThat(result.freshness()).isEqualTo(Freshness.STALE);
            assertThat(result.age()).contains(Duration.ZERO);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void refreshesASoftExpiredFigureOnceInEachIntervalWithoutAFallbackCopy() {
        UsageService service = fixture.open(builder());
        fixture.keep(Duration.ofMinutes(2));
        cache.breakMemory();
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        fixture.clock.advance(BACK_OFF);
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void refreshesACopyThatIsDue() {
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofMinutes(2));
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(2);
        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ZERO);
    }

    @Test
    void failingClosedItComputesOnceInEachIntervalOnly() {
        UsageService service = fixture.open(builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        cache.breakMemory();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        for (int call = 0; call < CALLS; call++) {
            assertThatExceptionOfType(UsageUnavailableException.class).isThrownBy(() -> service.get(ORG, MARCH));
        }
        fixture.clock.advance(BACK_OFF);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void anOutageOfReadsEndsWithThem() {
        cache.readOnly(false);
        fixture.cache.goDown();
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        fixture.cache.comeBack();
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void attemptsARefreshWithoutAPermitOnceInEachInterval() throws InterruptedException {
        UsageService service = fixture.open(builder().maxConcurrentComputations(1));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.keep(Duration.ofMinutes(2));
        for (int interval = 1; interval <= 3; interval++) {
            for (int call = 0; call < CALLS; call++) {
                assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
            }
            assertThat(fixture.events.count("refreshDropped")).isEqualTo(interval);
            fixture.clock.advance(BACK_OFF);
        }
    }

    @Test
    void spendsNoAttemptOnACopyThatBacksOff() {
        UsageService service = fixture.open(builder());
        service.get(ORG, MARCH);
        service.get(FAILING, MARCH);
        makeAnAttemptDueWhileOneBacksOff(service);
        int calls = fixture.calculator.calls();

        assertThat(service.get(FAILING, MARCH).freshness()).isEqualTo(Freshness.STALE);
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(calls + 1);
    }

    @Test
    void spendsNoAttemptOnAStaleFigureThatBacksOff() {
        UsageService service = fixture.open(builder());
        fixture.keep(Duration.ofMinutes(2));
        fixture.keep(new UsageKey(FAILING, MARCH), Duration.ofMinutes(2));
        cache.breakMemory();
        service.get(ORG, MARCH);
        service.get(FAILING, MARCH);
        fixture.events.awaitLoads();
        makeAnAttemptDueWhileOneBacksOff(service);
        int calls = fixture.calculator.calls();

        assertThat(service.get(FAILING, MARCH).freshness()).isEqualTo(Freshness.STALE);
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(calls + 1);
    }

    @Test
    void spendsNoAttemptOnAMissThatBacksOff() {
        UsageService service = fixture.open(builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        cache.breakMemory();
        service.get(ORG, MARCH);
        service.get(FAILING, MARCH);
        makeAnAttemptDueWhileOneBacksOff(service);

        assertThatThrownBy(() -> service.get(FAILING, MARCH)).isInstanceOf(UsageException.class);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    @Test
    void spendsNoAttemptOnACopyWhoseRefreshIsNotDue() throws InterruptedException {
        UsageService service =
                fixture.open(builder().refreshAfter(Duration.ofSeconds(5)).maxConcurrentComputations(1));
        service.get(FAILING, MARCH);
        fixture.clock.advance(Duration.ofSeconds(6));
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofSeconds(3));
        fixture.calculator.hold();
        var unused = service.getAsync("org-125", MARCH);
        fixture.calculator.awaitBegun(3);
        service.get(FAILING, MARCH);
        assertThat(fixture.events.count("refreshDropped"))
                .as("the attempt of its interval")
                .isOne();
        fixture.calculator.release();
        fixture.events.awaitLoads();
        fixture.clock.advance(Duration.ofSeconds(1));

        assertThat(service.get(FAILING, MARCH).freshness()).isEqualTo(Freshness.STALE);
        callOften(service, Freshness.STALE);
        assertThat(fixture.calculator.calls()).isEqualTo(4);
    }

    /** The back-off lasts for half its length at least. */
    private void makeAnAttemptDueWhileOneBacksOff(UsageService service) {
        fixture.clock.advance(BACK_OFF.minusSeconds(1));
        fixture.database.goDown();
        assertThatThrownBy(() -> service.refresh(FAILING, MARCH)).isInstanceOf(UsageException.class);
        fixture.database.comeBack();
        fixture.clock.advance(Duration.ofSeconds(1));
    }

    private void callOften(UsageService service, Freshness expected) {
        for (int call = 0; call < CALLS; call++) {
            assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(expected);
            fixture.events.awaitLoads();
        }
    }

    private UsageServiceBuilder builder() {
        return fixture.builder().cache(cache).errorBackOff(BACK_OFF);
    }
}
