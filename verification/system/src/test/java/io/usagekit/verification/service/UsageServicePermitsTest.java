package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How many computations run and how many wait, of all and of one organisation. */
class UsageServicePermitsTest {

    private static final int KEYS = 10_000;

    private final ServiceFixture fixture = new ServiceFixture();
    private final ManualTimers timers = new ManualTimers();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void byDefaultFourRunAndTwoOfOneOrganisation() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        List<CompletionStage<UsageResult>> stages = new ArrayList<>();
        for (int month = 1; month <= 12; month++) {
            stages.add(service.getAsync(ORG, UsagePeriod.month(YearMonth.of(2026, month))));
        }
        fixture.calculator.awaitBegun(2);
        for (int other = 0; other < 12; other++) {
            stages.add(service.getAsync("org-other-" + other, MARCH));
        }
        fixture.calculator.awaitBegun(2);
        assertThat(fixture.calculator.calls()).as("begun while all are held").isEqualTo(4);
        fixture.calculator.release();
        stages.forEach(ServiceFixture::resultOf);
        assertThat(fixture.calculator.mostAtOnce()).isEqualTo(4);
        assertThat(fixture.calculator.calls()).isEqualTo(24);
    }

    @Test
    void anOrganisationThatAsksForManyWindowsDoesntHoldUpTheOthers() throws InterruptedException {
        UsageService service = fixture.open(
                fixture.builder().maxConcurrentComputations(2).maxConcurrentComputationsPerOrganisation(1));
        fixture.calculator.hold();
        for (int month = 1; month <= 12; month++) {
            var unused = service.getAsync(ORG, UsagePeriod.month(YearMonth.of(2026, month)));
        }
        fixture.calculator.awaitBegun(1);
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        assertThat(fixture.calculator.calls()).isEqualTo(2);
    }

    @Test
    void tenThousandColdKeysNeverExceedThePermitsAndEachGetsAFigureOrIsRefused() throws InterruptedException {
        Watched watched = new Watched(fixture.calculator);
        UsageService service = fixture.open(UsageService.builder(watched)
                .cache(fixture.cache)
                .listener(fixture.events)
                .maxConcurrentComputations(4)
                .maxConcurrentComputationsPerOrganisation(2)
                .maxQueuedComputations(1_000));
        fixture.calculator.hold();
        Queue<CompletionStage<UsageResult>> stages = new ConcurrentLinkedQueue<>();
        List<Future<Void>> callers = callers(i -> stages.add(service.getAsync(organisation(i), day(i))));
        fixture.events.await("overloaded", 1);
        fixture.calculator.release();
        callers.forEach(ServiceFixture::done);

        int figures = 0;
        for (CompletionStage<UsageResult> stage : stages) {
            if (ServiceFixture.resultOf(stage.handle((result, error) -> error == null))) {
                assertThat(ServiceFixture.resultOf(stage).freshness()).isEqualTo(Freshness.FRESH);
                figures++;
            } else {
                assertThat(ServiceFixture.failureOf(stage)).isInstanceOf(UsageOverloadedException.class);
            }
        }

        assertThat(stages).hasSize(KEYS);
        assertThat(figures).as("figures").isBetween(1_004, KEYS - 1);
        assertThat(fixture.events.count("overloaded")).as("refused").isEqualTo(KEYS - figures);
        assertThat(watched.computations).hasValue(figures);
        watched.assertNeverMoreThan(4, 2);
    }

    @Test
    void whoDoesntWaitGetsAFigureOrPendingWhateverTheRush() {
        Watched watched = new Watched(fixture.database);
        UsageService service = fixture.open(UsageService.builder(watched)
                .cache(fixture.cache)
                .missPolicy(MissPolicy.pending())
                .maxConcurrentComputations(3)
                .maxConcurrentComputationsPerOrganisation(1)
                .maxQueuedComputations(50));
        AtomicInteger answers = new AtomicInteger();
        callers(i -> {
                    assertThat(service.get(organisation(i), day(i)).freshness())
                            .isIn(Freshness.FRESH, Freshness.PENDING);
                    answers.incrementAndGet();
                })
                .forEach(ServiceFixture::done);
        assertThat(answers).hasValue(KEYS);
        watched.assertNeverMoreThan(3, 1);
    }

    @Test
    void aQueueThatIsFullRefusesAndSaysSo() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(2));
        fixture.calculator.hold();
        List<CompletionStage<UsageResult>> accepted = IntStream.range(0, 3)
                .mapToObj(i -> service.getAsync("org-" + i, MARCH))
                .toList();
        fixture.calculator.awaitBegun(1);
        assertThatExceptionOfType(UsageOverloadedException.class)
                .isThrownBy(() -> service.get(ORG, MARCH))
                .withMessage("no room to compute the usage of \"org-123\" in 2026-03: 2 computations wait already");
        assertThat(fixture.events.count("overloaded")).isEqualTo(1);
        fixture.calculator.release();
        accepted.forEach(ServiceFixture::resultOf);
        assertFigure(service.get(ORG, MARCH));
    }

    @Test
    void underAPolicyThatDoesntWaitItIsPendingInstead() throws InterruptedException {
        for (MissPolicy policy : List.of(MissPolicy.pending(), MissPolicy.awaitUpTo(Duration.ofHours(1)))) {
            try (ServiceFixture fresh = new ServiceFixture()) {
                UsageService service = fresh.open(fresh.builder()
                        .missPolicy(policy)
                        .maxConcurrentComputations(1)
                        .maxQueuedComputations(0));
                fresh.calculator.hold();
                var unused = service.getAsync("org-124", MARCH);
                fresh.calculator.awaitBegun(1);
                assertThat(service.get(ORG, MARCH).freshness())
                        .as("under %s", policy)
                        .isEqualTo(Freshness.PENDING);
                assertThat(fresh.events.count("overloaded")).isEqualTo(1);
            }
        }
    }

    @Test
    void theWaitForAPermitIsTold() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().maxConcurrentComputations(1));
        fixture.calculator.hold();
        var first = service.getAsync(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        var second = service.getAsync("org-124", MARCH);
        fixture.clock.advance(Duration.ofSeconds(3));
        fixture.calculator.release();
        ServiceFixture.resultOf(first);
        ServiceFixture.resultOf(second);
        assertThat(fixture.events.events())
                .filteredOn(event -> event.name().equals("permitWaited"))
                .singleElement()
                .satisfies(event -> {
                    assertThat(event.key().organisationId()).isEqualTo("org-124");
                    assertThat(event.detail()).isEqualTo(Duration.ofSeconds(3));
                });
    }

    @Test
    void whoHasItsTimeOverWhileItWaitsForAPermitIsToldThatAndItsPlaceIsFree() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(1)
                .singleFlight(timers.singleFlight()));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        for (int i = 0; i < 2; i++) {
            CompletionStage<UsageResult> caller = service.getAsync(ORG, MARCH);
            timers.goOff();
            assertThat(ServiceFixture.failureOf(caller))
                    .isInstanceOf(UsageOverloadedException.class)
                    .hasMessage("the usage of \"org-123\" in 2026-03 wasn't computed within PT30S: no permit was free");
        }
    }

    @Test
    void aComputationPastItsDeadlineHoldsItsPermitUntilItEnds() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0)
                .singleFlight(timers.singleFlight()));
        fixture.calculator.hold();
        CompletionStage<UsageResult> late = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        timers.goOff();
        assertThat(ServiceFixture.failureOf(late)).hasMessageContaining("wasn't computed within");
        assertThatExceptionOfType(UsageOverloadedException.class)
                .as("the database still works on it")
                .isThrownBy(() -> service.get(ORG, MARCH));
        fixture.calculator.release();
        fixture.events.await("computed", 1);
        CompletableFuture<UsageResult> next = new CompletableFuture<>();
        while (!next.isDone()) {
            var unused = service.getAsync(ORG, MARCH)
                    .handle((result, error) -> result != null && next.complete(result))
                    .toCompletableFuture()
                    .join();
        }
        assertFigure(next.join());
    }

    @Test
    void aRefreshNeverWaits() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().maxConcurrentComputations(1));
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.events.clear();

        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);

        assertThat(fixture.events.names()).containsExactly("hit", "refreshDropped", "staleServed");
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(fixture.calculator.calls())
                .as("nothing was left in the queue")
                .isEqualTo(1);
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();
        assertThat(service.get(ORG, MARCH).freshness())
                .as("a later hit started it")
                .isEqualTo(Freshness.FRESH);
    }

    /** The refresh is held at its second look; what joins it there needs the figure, and waits for a permit of its own. */
    @Test
    void whoNeedsTheFigureAndHasJoinedARefreshThatIsDroppedFliesByItself() throws InterruptedException {
        GatedCache cache = new GatedCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(cache).maxConcurrentComputations(1));
        fixture.keep(Duration.ofMinutes(2));
        cache.holdReadsAfter(2);
        fixture.calculator.hold();
        var unused = service.refreshAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        cache.holdReadsAfter(1);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.STALE);
        cache.awaitHeld(1);
        CompletionStage<UsageResult> needsIt = service.refreshAsync(ORG, MARCH);
        assertThat(fixture.events.count("coalesced")).isEqualTo(1);

        cache.release();

        fixture.events.await("refreshDropped", 1);
        fixture.calculator.release();
        assertThat(ServiceFixture.resultOf(needsIt).freshness()).isEqualTo(Freshness.FRESH);
        assertThat(fixture.events.names()).doesNotContain("refreshFailed");
    }

    @Test
    void hitsTakeNoPermit() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        fixture.keep(Duration.ZERO);
        fixture.calculator.hold();
        var unused = service.getAsync("org-124", MARCH);
        fixture.calculator.awaitBegun(1);
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);
    }

    private static String organisation(int i) {
        return "org-" + i % 37;
    }

    private static UsagePeriod day(int i) {
        return UsagePeriod.day(LocalDate.EPOCH.plusDays(i), ZoneOffset.UTC);
    }

    private interface Call {
        void make(int number) throws Exception;
    }

    /** All keys, from 64 threads. */
    private List<Future<Void>> callers(Call call) {
        AtomicInteger next = new AtomicInteger();
        return fixture.callManyTimes(64, () -> {
            for (int i = next.getAndIncrement(); i < KEYS; i = next.getAndIncrement()) {
                call.make(i);
            }
            return null;
        });
    }

    /** Counts who computes at the same time. */
    private static final class Watched implements UsageCalculator {
        final AtomicInteger computations = new AtomicInteger();

        private final UsageCalculator calculator;
        private final AtomicInteger running = new AtomicInteger();
        private final AtomicInteger mostAtOnce = new AtomicInteger();
        private final Map<String, AtomicInteger> ofOrganisation = new ConcurrentHashMap<>();
        private final AtomicInteger mostOfOne = new AtomicInteger();

        Watched(UsageCalculator calculator) {
            this.calculator = calculator;
        }

        @Override
        public OrganisationUsage calculate(UsageKey key, Duration timeout) {
            computations.incrementAndGet();
            AtomicInteger ofThis = ofOrganisation.computeIfAbsent(key.organisationId(), id -> new AtomicInteger());
            mostAtOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
            mostOfOne.accumulateAndGet(ofThis.incrementAndGet(), Math::max);
            try {
                LockSupport.parkNanos(50_000); // so that others get a chance to be seen here
                return calculator.calculate(key, timeout);
            } finally {
                ofThis.decrementAndGet();
                running.decrementAndGet();
            }
        }

        void assertNeverMoreThan(int total, int perOrganisation) {
            assertThat(mostAtOnce.get()).as("computations at once").isLessThanOrEqualTo(total);
            assertThat(mostOfOne.get()).as("of one organisation").isLessThanOrEqualTo(perOrganisation);
        }
    }
}
