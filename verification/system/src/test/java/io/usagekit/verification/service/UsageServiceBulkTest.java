package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.InMemoryFlightStore;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Several figures in one call: one read of the cache, one batch for the calculator, each figure on its own terms. */
class UsageServiceBulkTest {

    private final ServiceFixture fixture = new ServiceFixture();
    private final BatchCalculator calculator = new BatchCalculator(fixture);
    private final BulkCache cache = new BulkCache();

    @AfterEach
    void close() {
        calculator.gate.countDown();
        fixture.close();
    }

    /** Counts reads of one figure and of several. */
    private final class BulkCache extends BareCache {
        final AtomicInteger single = new AtomicInteger();
        final List<Integer> bulk = new CopyOnWriteArrayList<>();

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            single.incrementAndGet();
            return fixture.cache.get(key);
        }

        @Override
        public Map<UsageKey, CompletionStage<Optional<AgedUsage>>> getAll(Collection<UsageKey> keys) {
            bulk.add(keys.size());
            Map<UsageKey, CompletionStage<Optional<AgedUsage>>> all = new LinkedHashMap<>();
            keys.forEach(key -> all.put(key, fixture.cache.get(key)));
            return all;
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            return fixture.cache.put(key, entry, timeToLive);
        }
    }

    private UsageServiceBuilder builder() {
        return builder(cache);
    }

    private UsageServiceBuilder builder(UsageCache over) {
        return UsageService.builder(calculator)
                .cache(over)
                .listener(fixture.events)
                .refreshJitterPercent(0)
                .staleIfError(Duration.ZERO)
                .errorBackOff(Duration.ZERO)
                .clock(fixture.clock)
                .ticker(fixture.clock.ticker());
    }

    private static List<String> organisations(int count) {
        List<String> ids = new ArrayList<>(List.of(ORG));
        IntStream.range(1, count).forEach(n -> ids.add("org-" + n));
        return ids;
    }

    @Test
    void returnsFiguresInRequestedOrderFromOneBatch() {
        UsageService service = fixture.open(builder());

        UsageResults all = service.getAll(organisations(5), MARCH);

        assertThat(all.failures()).isEmpty();
        assertThat(all.results().keySet().stream().map(UsageKey::organisationId))
                .containsExactlyElementsOf(organisations(5));
        assertFigure(all.get(new UsageKey(ORG, MARCH)));
        assertThat(all.results().values()).allMatch(result -> result.freshness() == Freshness.FRESH);
        assertThat(calculator.batches).hasSize(1);
        assertThat(calculator.singles).isEmpty();
        assertThat(cache.bulk).as("the first look and the leaders' second one").containsExactly(5, 5);
        assertThat(cache.single).hasValue(0);
        assertThat(service.getAll(organisations(5), MARCH).results()).hasSize(5);
        assertThat(calculator.batches).as("cached by now").hasSize(1);
        assertThat(cache.bulk).containsExactly(5, 5, 5);
    }

    @Test
    void splitsBatchesAtCalculatorsLimit() {
        UsageService service = fixture.open(builder());
        assertThat(service.getAll(organisations(25), MARCH).results()).hasSize(25);
        assertThat(calculator.batches).hasSize(3).allMatch(batch -> batch.size() <= 10);
        assertThat(calculator.batches.stream().flatMap(Collection::stream))
                .doesNotHaveDuplicates()
                .hasSize(25);
        assertThat(service.stats().permitsInUse()).isZero();
    }

    @Test
    void returnsPeriodsOfOneOrganisation() {
        UsageService service = fixture.open(builder());
        List<UsagePeriod> year = new ArrayList<>(List.of(MARCH));
        for (int month = 1; month < 12; month++) {
            year.add(year.get(year.size() - 1).previous());
        }
        UsageResults all = service.get(ORG, year);
        assertThat(all.results().keySet().stream().map(UsageKey::period)).containsExactlyElementsOf(year);
        assertFigure(all.get(new UsageKey(ORG, MARCH)));
        assertThat(calculator.batches).hasSize(2);
    }

    @Test
    void failsOnlyFigureThatIsWrong() {
        UsageService service = fixture.open(builder());

        UsageResults all = service.getAll(List.of("bad-1", ORG, "left out", "org-124"), MARCH);

        assertThat(all.results().keySet().stream().map(UsageKey::organisationId))
                .containsExactly(ORG, "org-124");
        assertThat(all.failures().keySet().stream().map(UsageKey::organisationId))
                .containsExactly("bad-1", "left out");
        assertThat(all.failures().get(new UsageKey("bad-1", MARCH))).hasMessageContaining("no figure of");
        assertThat(all.failures().get(new UsageKey("left out", MARCH))).hasMessageContaining("returned no outcome");
        assertThat(fixture.events.count("computationFailed")).isEqualTo(2);
        assertThat(fixture.events.count("computed")).isEqualTo(2);
    }

    @Test
    void failsEachFigureOfBatchThatThrowsOrReturnsNothing() {
        for (boolean throwing : new boolean[] {true, false}) {
            UsageCalculator broken = (UsageCalculator) Proxy.newProxyInstance(
                    UsageCalculator.class.getClassLoader(),
                    new Class<?>[] {UsageCalculator.class},
                    (proxy, method, args) -> {
                        if (method.getName().equals("maxBatch")) {
                            return 10;
                        }
                        if (throwing) {
                            throw new IllegalStateException("a calculator fails");
                        }
                        return null;
                    });
            UsageService service = fixture.open(UsageService.builder(broken).errorBackOff(Duration.ZERO));
            UsageResults all = service.getAll(organisations(3), MARCH);
            assertThat(all.results()).isEmpty();
            assertThat(all.failures().values()).hasSize(3).allMatch(UsageCalculationException.class::isInstance);
            assertThat(service.stats().permitsInUse()).isZero();
        }
    }

    @Test
    void rejectsBadIdAndTooManyBeforeAnyRead() {
        UsageService service = fixture.open(builder());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> service.getAll(List.of(ORG, " "), MARCH))
                .withMessageContaining("organisationId");
        List<String> many = IntStream.rangeClosed(0, UsageService.MAX_FIGURES)
                .mapToObj(n -> "o" + n)
                .toList();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> service.getAll(many, MARCH))
                .withMessage("at most 10000 figures can be requested at once, but were 10001");
        assertThat(cache.bulk).isEmpty();
        assertThat(service.getAll(List.of(), MARCH)).isEqualTo(new UsageResults(Map.of(), Map.of()));
        assertThat(service.getAll(List.of(ORG, ORG), MARCH).results()).hasSize(1);
    }

    @Test
    void joinsSingleLoadsAndIsJoinedByThem() {
        UsageService service = fixture.open(builder());
        calculator.hold();
        Future<UsageResult> before = fixture.call(() -> service.get("org-1", MARCH));
        calculator.awaitRunning(1);
        Future<UsageResults> bulk = fixture.call(() -> service.getAll(organisations(4), MARCH));
        calculator.awaitRunning(2);
        Future<UsageResult> after = fixture.call(() -> service.get("org-2", MARCH));
        Future<UsageResults> second = fixture.call(() -> service.getAll(organisations(5), MARCH));
        calculator.awaitRunning(3);
        calculator.gate.countDown();

        assertThat(ServiceFixture.done(bulk).results()).hasSize(4);
        assertThat(ServiceFixture.done(second).results()).hasSize(5);
        assertThat(ServiceFixture.done(before).isPending()).isFalse();
        assertThat(ServiceFixture.done(after).isPending()).isFalse();
        List<UsageKey> computed = new ArrayList<>(calculator.singles);
        calculator.batches.forEach(computed::addAll);
        assertThat(computed)
                .as("each figure is computed once")
                .doesNotHaveDuplicates()
                .hasSize(5);
    }

    @Test
    void oneProcessOfFleetComputesEachFigure() throws InterruptedException {
        UsageService one = fleetMember();
        UsageService other = fleetMember();
        calculator.hold();
        Future<UsageResults> first = fixture.call(() -> one.getAll(organisations(6), MARCH));
        calculator.awaitRunning(1);
        Future<UsageResults> second = fixture.call(() -> other.getAll(organisations(8), MARCH));
        fixture.events.await("remoteLoadAwaited", 6);
        calculator.awaitRunning(2);
        calculator.gate.countDown();

        assertThat(ServiceFixture.done(first).results()).hasSize(6);
        assertThat(ServiceFixture.done(second).results()).hasSize(8);
        assertThat(calculator.batches.stream().map(Collection::size)).containsExactly(6, 2);
        assertThat(calculator.singles).isEmpty();
    }

    private UsageService fleetMember() {
        return fixture.open(builder(fixture.cache)
                .singleFlight(SingleFlights.fleetWide(
                        InMemoryFlightStore.over(fixture.cache), Duration.ofSeconds(5), Duration.ofMillis(20))));
    }

    @Test
    void leasesThatTakeLongerThanTheOthersDontLeadToOneComputationEach() {
        InMemoryFlightStore leases = InMemoryFlightStore.over(fixture.cache);
        List<CompletableFuture<Void>> slow = new CopyOnWriteArrayList<>();
        Set<Object> requested = ConcurrentHashMap.newKeySet();
        FlightStore store = (FlightStore) Proxy.newProxyInstance(
                FlightStore.class.getClassLoader(), new Class<?>[] {FlightStore.class}, (proxy, method, args) -> {
                    Object stage = method.invoke(leases, args);
                    if (!method.getName().equals("acquire")
                            || ((UsageKey) args[0]).organisationId().equals(ORG)
                            || !requested.add(args[0])) {
                        return stage;
                    }
                    CompletableFuture<Void> answered = new CompletableFuture<>();
                    slow.add(answered);
                    return answered.thenCompose(now -> (CompletionStage<?>) stage);
                });
        UsageService service = fixture.open(builder(fixture.cache)
                .maxConcurrentComputations(1)
                .maxQueuedComputations(20)
                .singleFlight(SingleFlights.fleetWide(store, Duration.ofSeconds(5), Duration.ofMillis(20))));
        calculator.hold();
        Future<UsageResults> bulk = fixture.call(() -> service.getAll(organisations(61), MARCH));
        calculator.awaitRunning(1); // the one whose lease was there waits for the others no longer
        // On one thread, as a driver's answers: however long it is stalled, most of them come together.
        while (slow.size() < 60) {
            Thread.onSpinWait();
        }
        slow.forEach(answered -> answered.complete(null));
        while (service.stats().queued() == 0) {
            Thread.onSpinWait();
        }
        calculator.gate.countDown();

        assertThat(ServiceFixture.done(bulk).results()).hasSize(61);
        assertThat(calculator.batches.size() + calculator.singles.size())
                .as("calls of the calculator, which takes ten figures each")
                .isBetween(7, 21);
    }

    @Test
    void batchTakesOnePermitOfAllAndOneOfEachOrganisation() {
        UsageService service =
                fixture.open(builder().maxConcurrentComputations(2).maxConcurrentComputationsPerOrganisation(1));
        calculator.hold();
        Future<UsageResult> single = fixture.call(() -> service.get("org-1", MARCH.next()));
        calculator.awaitRunning(1);
        Future<UsageResults> bulk = fixture.call(() -> service.getAll(organisations(4), MARCH));
        calculator.awaitRunning(2);
        while (service.stats().queued() == 0) {
            Thread.onSpinWait();
        }
        assertThat(service.stats().permitsInUse()).isEqualTo(2);
        assertThat(service.stats().queued())
                .as("the figure of the organisation that has its permit")
                .isEqualTo(1);
        assertThat(calculator.batches).hasSize(1);
        assertThat(calculator.batches.get(0).stream().map(UsageKey::organisationId))
                .containsExactly(ORG, "org-2", "org-3");
        calculator.gate.countDown();

        assertThat(ServiceFixture.done(bulk).results()).hasSize(4);
        ServiceFixture.done(single);
        assertThat(calculator.mostAtOnce.get()).isLessThanOrEqualTo(2);
        assertThat(service.stats().permitsInUse()).isZero();
        assertThat(service.stats().queued()).isZero();
    }

    @Test
    void batchesOfOneOrganisationTakeOnePlaceInTheQueueEach() {
        UsageService service = fixture.open(builder().maxQueuedComputations(2));
        calculator.hold();
        List<UsagePeriod> months = new ArrayList<>(List.of(MARCH));
        while (months.size() < 40) {
            months.add(months.get(months.size() - 1).previous());
        }
        Future<UsageResults> bulk = fixture.call(() -> service.get(ORG, months));
        calculator.awaitRunning(2);
        while (service.stats().queued() < 2) {
            Thread.onSpinWait();
        }
        calculator.gate.countDown();

        UsageResults all = ServiceFixture.done(bulk);
        assertThat(all.failures()).as("figures that found the queue full").isEmpty();
        assertThat(calculator.batches.stream().map(Collection::size)).containsExactly(10, 10, 10, 10);
        assertThat(calculator.singles).isEmpty();
        assertThat(calculator.mostAtOnce).as("permits of one organisation").hasValue(2);
        assertThat(service.stats().permitsInUse()).isZero();
        assertThat(service.stats().queued()).isZero();
    }

    @Test
    void refusedBatchFailsEachFigureAsOverloaded() {
        UsageService service =
                fixture.open(builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        calculator.hold();
        Future<UsageResult> single = fixture.call(() -> service.get("org-9", MARCH));
        calculator.awaitRunning(1);

        UsageResults all = service.getAll(organisations(3), MARCH);

        assertThat(all.results()).isEmpty();
        assertThat(all.failures().values()).hasSize(3).allMatch(UsageOverloadedException.class::isInstance);
        UsageResults pending = service.with(MissPolicy.pending()).getAll(organisations(3), MARCH);
        assertThat(pending.results().values()).hasSize(3).allMatch(UsageResult::isPending);
        calculator.gate.countDown();
        ServiceFixture.done(single);
    }

    @Test
    void pendingPolicyAnswersAtOnceAndTheBatchGoesOn() {
        UsageService service = fixture.open(builder().missPolicy(MissPolicy.pending()));
        calculator.hold();
        UsageResults pending = ServiceFixture.resultOf(service.getAllAsync(organisations(3), MARCH));
        assertThat(pending.results().values()).hasSize(3).allMatch(UsageResult::isPending);
        calculator.gate.countDown();
        fixture.events.awaitLoads();
        assertThat(service.getAll(organisations(3), MARCH).results().values()).noneMatch(UsageResult::isPending);
        assertThat(calculator.batches).hasSize(1);
    }

    @Test
    void refreshesStaleFiguresInOneBatch() {
        UsageService service = fixture.open(builder());
        service.getAll(organisations(4), MARCH);
        fixture.clock.advance(Duration.ofMinutes(2));

        UsageResults stale = service.getAll(organisations(6), MARCH);

        fixture.events.awaitLoads();
        assertThat(stale.results().values().stream().filter(result -> result.freshness() == Freshness.STALE))
                .hasSize(4);
        assertThat(calculator.batches.stream().map(Collection::size))
                .as("the first, the refresh and the misses")
                .containsExactlyInAnyOrder(4, 4, 2);
        assertThat(service.getAll(organisations(6), MARCH).results().values())
                .allMatch(result -> result.freshness() == Freshness.FRESH);
        assertThat(fixture.events.count("refreshStarted")).isEqualTo(4);
    }

    @Test
    void computesOneByOneWhereCalculatorHasNoBatches() {
        UsageService service = fixture.open(fixture.builder());
        UsageResults all = service.getAll(organisations(5), MARCH);
        assertThat(all.results()).hasSize(5);
        assertFigure(all.get(new UsageKey(ORG, MARCH)));
        assertThat(fixture.calculator.calls()).isEqualTo(5);
    }

    @Test
    void computesWithoutCacheWhileItIsDown() {
        UsageService service = fixture.open(builder());
        fixture.cache.goDown();
        UsageResults all = service.getAll(organisations(4), MARCH);
        assertThat(all.results()).hasSize(4);
        assertThat(calculator.batches).hasSize(1);
        assertThat(cache.bulk).as("no second look").hasSize(1);
    }

    @Test
    void callerThatLeavesDoesNotStopBatch() {
        UsageService service = fixture.open(builder());
        calculator.hold();
        CompletionStage<UsageResults> left = service.getAllAsync(organisations(3), MARCH);
        calculator.awaitRunning(1);
        assertThat(left.toCompletableFuture().cancel(true)).isTrue();
        calculator.gate.countDown();
        fixture.events.awaitLoads();
        assertThat(service.getAll(organisations(3), MARCH).results()).hasSize(3);
        assertThat(calculator.batches).hasSize(1);
    }
}
