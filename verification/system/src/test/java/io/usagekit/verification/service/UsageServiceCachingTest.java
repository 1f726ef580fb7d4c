package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.START;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is kept, for how long, and what is answered while the cache is away. */
class UsageServiceCachingTest {

    private static final Duration TTL = Duration.ofMinutes(10);
    private static final Duration NANO = Duration.ofNanos(1);

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aMissComputesTheFigureAndKeepsIt() {
        UsageResult result = fixture.open().get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertFigure(result);
        assertThat(result.key()).isEqualTo(KEY);
        assertThat(result.age()).contains(Duration.ZERO);
        assertThat(result.createdAt()).isEqualTo(START);
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)).map(AgedUsage::usage))
                .isEqualTo(result.usage());
    }

    @Test
    void aHitDoesNotComputeAndTellsTheFiguresAge() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.clock.advance(Duration.ofSeconds(59));

        UsageResult result = service.get(ORG, MARCH);

        assertThat(result.freshness()).isEqualTo(Freshness.FRESH);
        assertFigure(result);
        assertThat(result.age()).contains(Duration.ofSeconds(59));
        assertThat(result.createdAt())
                .as("when it was computed, not when it was read")
                .isEqualTo(START);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aFigureThatHasReachedItsHardLimitIsComputedAgain() {
        UsageService service = fixture.open(fixture.builder().ttl(TTL).refreshAfter(TTL.minus(NANO)));
        service.get(ORG, MARCH);
        fixture.clock.advance(TTL.minus(NANO).minus(NANO));
        assertThat(service.get(ORG, MARCH).createdAt())
                .as("2 ns before the limit")
                .isEqualTo(START);
        assertThat(fixture.calculator.calls()).isEqualTo(1);

        fixture.clock.advance(NANO.plus(NANO));

        assertThat(service.get(ORG, MARCH).createdAt()).as("at the limit").isEqualTo(START.plus(TTL));
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void anEntryAsOldAsThisServicesOwnLimitIsAMissHoweverLongTheCacheKeepsIt() {
        UsageService service = fixture.open(fixture.builder().ttl(TTL).refreshAfter(TTL.minus(NANO)));
        fixture.keep(TTL);

        UsageResult result = service.get(ORG, MARCH);

        assertThat(fixture.events.names()).containsExactly("miss", "computed");
        assertThat(result.age()).contains(Duration.ZERO);
    }

    @Test
    void anEntryALittleYoungerThanThatIsAHit() {
        UsageService service = fixture.open(fixture.builder().ttl(TTL).refreshAfter(TTL.minus(NANO)));
        fixture.keep(TTL.minus(NANO).minus(NANO));

        service.get(ORG, MARCH);

        assertThat(fixture.events.names()).containsExactly("hit");
    }

    @Test
    void theAgeOfAFigureBeginsWithItsComputationAndCountsAgainstItsTime() {
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    OrganisationUsage usage = fixture.database.calculate(key, timeout);
                    fixture.clock.advance(Duration.ofMinutes(4));
                    return usage;
                })
                .cache(fixture.cache)
                .staleIfError(Duration.ZERO)
                .ticker(fixture.clock.ticker()));

        UsageResult computed = service.get(ORG, MARCH);

        assertThat(computed.freshness()).as("computed just now").isEqualTo(Freshness.FRESH);
        assertThat(computed.age()).contains(Duration.ofMinutes(4));
        fixture.clock.advance(Duration.ofMinutes(6).minus(NANO));
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)))
                .as("before 10 minutes are over")
                .isPresent();
        fixture.clock.advance(NANO);
        assertThat(ServiceFixture.resultOf(fixture.cache.get(KEY)))
                .as("10 minutes after it was begun")
                .isEmpty();
    }

    @Test
    void aFigureWhoseTimeIsOverWhenItComesIsAnsweredButNotKept() {
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    OrganisationUsage usage = fixture.database.calculate(key, timeout);
                    fixture.clock.advance(TTL);
                    return usage;
                })
                .cache(fixture.cache)
                .staleIfError(Duration.ZERO)
                .ticker(fixture.clock.ticker()));

        assertFigure(service.get(ORG, MARCH));

        assertThat(fixture.cache.writes()).isZero();
    }

    @Test
    void organisationsAndPeriodsAreKeptApart() {
        UsageService service = fixture.open();
        assertFigure(service.get(ORG, MARCH));

        UsageResult other = service.get("org-nobody", MARCH);
        UsageResult april = service.get(ORG, UsagePeriod.month(YearMonth.of(2026, 4)));

        assertThat(other.usage().map(OrganisationUsage::received))
                .as("an unknown organisation has used nothing, and that is known")
                .contains(UsageMetrics.ZERO);
        assertThat(april.usage().map(OrganisationUsage::received)).contains(UsageMetrics.ZERO);
        assertThat(fixture.calculator.calls()).isEqualTo(3);
    }

    @Test
    void periodsOverOneWindowShareAFigureAndKeepTheirLabels() {
        UsageService service = fixture.open();
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        service.get(ORG, MARCH);

        UsageResult result = service.get(ORG, window);

        assertFigure(result);
        assertThat(result.key().period().label()).isEqualTo(window.label());
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void figureComputedOrCachedHasZoneOfItsCaller() {
        UsageService service = fixture.open();
        ZoneId london = ZoneId.of("Europe/London");
        UsagePeriod utc = UsagePeriod.parse("2026-01");
        UsagePeriod winter = UsagePeriod.parse("2026-01", london);
        assertThat(winter).isEqualTo(utc);

        for (UsagePeriod period : List.of(utc, winter, utc)) {
            UsageResult result = service.get(ORG, period);
            assertThat(result.key().period().label()).isEqualTo("2026-01");
            assertThat(result.key().period().zone()).isEqualTo(period.zone());
        }
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aHitSaysHowLongItStaysFresh() {
        UsageService service = fixture.open(
                fixture.builder().refreshAfter(Duration.ofMinutes(5)).refreshJitterPercent(0));
        assertThat(service.get(ORG, MARCH).freshFor()).isEqualTo(Duration.ofMinutes(5));
        fixture.clock.advance(Duration.ofSeconds(290));
        assertThat(service.get(ORG, MARCH).freshFor()).isEqualTo(Duration.ofSeconds(10));
        fixture.clock.advance(Duration.ofSeconds(10));
        UsageResult stale = service.get(ORG, MARCH);
        assertThat(stale.freshness()).isEqualTo(Freshness.STALE);
        assertThat(stale.freshFor()).isZero();
    }

    @Test
    void withoutACacheEachCallComputes() {
        UsageService service = fixture.open(fixture.withoutCache());

        assertFigure(service.get(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));

        assertThat(fixture.calculator.calls()).isEqualTo(2);
        assertThat(fixture.events.names()).containsExactly("miss", "computed", "miss", "computed");
    }

    @Test
    void whileTheCacheIsDownAnswersAreRightAndTheListenerIsTold() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.cache.goDown();

        assertFigure(service.get(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));

        fixture.events.await("cacheWriteFailed", 2);
        assertThat(fixture.events.names())
                .containsExactlyInAnyOrder(
                        "cacheReadFailed",
                        "computed",
                        "cacheWriteFailed",
                        "cacheReadFailed",
                        "computed",
                        "cacheWriteFailed");
        assertThat(fixture.events.details("cacheReadFailed")).hasOnlyElementsOfType(UsageCacheException.class);
        assertThat(fixture.events.details("cacheWriteFailed")).hasOnlyElementsOfType(UsageCacheException.class);
    }

    @Test
    void whenTheCacheComesBackItIsUsedAgain() {
        UsageService service = fixture.open();
        fixture.cache.goDown();
        service.get(ORG, MARCH);
        fixture.cache.comeBack();
        fixture.events.clear();

        service.get(ORG, MARCH);
        service.get(ORG, MARCH);

        assertThat(fixture.events.names()).containsExactly("miss", "computed", "hit");
    }

    @Test
    void whatWasKeptBeforeAnOutageIsServedAfterIt() {
        UsageService service = fixture.open();
        service.get(ORG, MARCH);
        fixture.cache.goDown();
        service.get(ORG, MARCH);
        fixture.cache.comeBack();
        fixture.clock.advance(Duration.ofSeconds(7));

        assertThat(service.get(ORG, MARCH).age()).contains(Duration.ofSeconds(7));
    }

    @Test
    void aCacheThatThrowsInsteadOfFailingItsStagesIsLeftOutToo() throws InterruptedException {
        IllegalStateException broken = new IllegalStateException("broken");
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                throw broken;
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                throw broken;
            }
        }));

        assertFigure(service.get(ORG, MARCH));

        fixture.events.await("cacheWriteFailed", 1);
        assertThat(fixture.events.details("cacheReadFailed")).containsExactly(broken);
        assertThat(fixture.events.details("cacheWriteFailed")).containsExactly(broken);
    }

    @Test
    @SuppressWarnings("NullAway") // a cache that breaks its promise
    void aCacheThatAnswersNothingAtAllIsLeftOutToo() {
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return CompletableFuture.completedFuture(null);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return CompletableFuture.completedFuture(null);
            }
        }));

        assertFigure(service.get(ORG, MARCH));
        assertThat(fixture.events.names()).containsExactly("cacheReadFailed", "computed");
    }

    @Test
    void whileTheCacheIsDownEachCallTriesItOnceAndNobodyWaitsForItsWrite() {
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                fixture.cache.goDown();
                return fixture.cache.get(key);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return new CompletableFuture<>();
            }
        }));

        assertFigure(ServiceFixture.done(fixture.call(() -> service.get(ORG, MARCH))));

        assertThat(fixture.cache.reads()).isEqualTo(1);
    }

    @Test
    void aFlightLandsOnlyOnceItsFigureIsKeptSoThatWhoAsksNextFindsIt() throws InterruptedException {
        CountDownLatch writing = new CountDownLatch(1);
        CompletableFuture<Void> written = new CompletableFuture<>();
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return fixture.cache.get(key);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                writing.countDown();
                return written.thenCompose(go -> fixture.cache.put(key, entry, timeToLive));
            }
        }));
        Future<UsageResult> first = fixture.call(() -> service.get(ORG, MARCH));
        ServiceFixture.await(writing);
        Future<UsageResult> second = fixture.call(() -> service.get(ORG, MARCH));
        fixture.events.await("coalesced", 1);

        written.complete(null);

        assertFigure(ServiceFixture.done(first));
        assertFigure(ServiceFixture.done(second));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void aFailureOfTheCacheIsToldWithoutTheWrappersOfFutures() throws InterruptedException {
        UsageCacheException down = new UsageCacheException("down", null);
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return CompletableFuture.<Optional<AgedUsage>>failedFuture(down).thenApply(found -> found);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return CompletableFuture.<Void>failedFuture(down).thenRun(() -> {});
            }
        }));

        assertFigure(service.get(ORG, MARCH));

        fixture.events.await("cacheWriteFailed", 1);
        assertThat(fixture.events.details("cacheReadFailed")).containsExactly(down);
        assertThat(fixture.events.details("cacheWriteFailed")).containsExactly(down);
    }

    @Test
    void aCacheThatCannotBeWrittenCostsNoAnswer() {
        UsageCacheException full = new UsageCacheException("full", null);
        UsageService service = fixture.open(fixture.withoutCache().cache(new BareCache() {
            @Override
            public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
                return fixture.cache.get(key);
            }

            @Override
            public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
                return CompletableFuture.failedFuture(full);
            }
        }));

        assertFigure(service.get(ORG, MARCH));
        assertThat(fixture.events.names()).containsExactly("miss", "computed", "cacheWriteFailed");
        assertThat(fixture.events.details("cacheWriteFailed")).containsExactly(full);
    }
}
