package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.usagekit.Freshness;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageUnavailableException;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** {@code warm}: figures cached before somebody asks for them. */
class UsageServiceWarmTest {

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void whatIsMissingOrOldIsComputedAndWhatIsFreshIsnt() {
        UsageService service = fixture.open();
        fixture.keep(new UsageKey("fresh", MARCH), Duration.ofSeconds(59));
        fixture.keep(new UsageKey("soft-expired", MARCH), Duration.ofMinutes(1));
        fixture.keep(new UsageKey("hard-expired", MARCH), Duration.ofMinutes(10));

        WarmResult result = service.warm(List.of("fresh", "soft-expired", "hard-expired", "absent"), MARCH);

        assertThat(result).isEqualTo(new WarmResult(1, 3, Map.of()));
        assertThat(fixture.calculator.calls()).isEqualTo(3);
        for (String id : List.of("fresh", "soft-expired", "hard-expired", "absent")) {
            assertThat(service.get(id, MARCH).freshness()).as(id).isEqualTo(Freshness.FRESH);
        }
        assertThat(fixture.calculator.calls()).isEqualTo(3);
    }

    @Test
    void withJitterToo() {
        UsageService service =
                fixture.open(fixture.builder().refreshJitterPercent(50).refreshAfter(Duration.ofMinutes(1)));
        List<String> ids = ids(100);
        ids.forEach(id -> fixture.keep(new UsageKey(id, MARCH), Duration.ofSeconds(50)));

        WarmResult result = service.warm(ids, MARCH);

        assertThat(result.fresh() + result.computed()).isEqualTo(100);
        assertThat(result.fresh()).as("some hadn't reached their soft limit").isPositive();
        assertThat(result.computed()).as("some had").isPositive();
        assertThat(ids)
                .allSatisfy(id -> assertThat(service.get(id, MARCH).freshness()).isEqualTo(Freshness.FRESH));
    }

    @Test
    void noMoreAtATimeThanThereArePermitsAndTheQueueStaysEmpty() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(3).maxQueuedComputations(0));
        fixture.calculator.hold();
        Future<WarmResult> warming = fixture.call(() -> service.warm(ids(20), MARCH));
        fixture.calculator.awaitBegun(3);
        fixture.calculator.release();

        assertThat(ServiceFixture.done(warming)).isEqualTo(new WarmResult(0, 20, Map.of()));
        assertThat(fixture.calculator.mostAtOnce()).isEqualTo(3);
        assertThat(fixture.events.names()).doesNotContain("permitWaited", "overloaded");
    }

    @Test
    void anOrganisationNamedTwiceIsCountedOnce() {
        assertThat(fixture.open().warm(List.of(ORG, ORG, "org-124", ORG), MARCH))
                .isEqualTo(new WarmResult(0, 2, Map.of()));
    }

    @Test
    void nobodyToWarmIsDoneAtOnce() {
        assertThat(fixture.open().warm(List.of(), MARCH)).isEqualTo(new WarmResult(0, 0, Map.of()));
    }

    @Test
    void failuresDontEndItAndAreListedInTheOrderAskedFor() {
        Set<String> broken = ConcurrentHashMap.newKeySet();
        broken.addAll(List.of("org-17", "org-3", "org-11"));
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    if (broken.contains(key.organisationId())) {
                        throw new UsageCalculationException("no figure of " + key.organisationId(), null);
                    }
                    return fixture.database.calculate(key, timeout);
                })
                .cache(fixture.cache)
                .ticker(fixture.clock.ticker()));

        WarmResult result = service.warm(ids(20), MARCH);

        assertThat(result.computed()).isEqualTo(17);
        assertThat(result.fresh()).isZero();
        assertThat(result.failures().keySet()).containsExactly("org-3", "org-11", "org-17");
        result.failures()
                .forEach((id, error) -> assertThat(error)
                        .isInstanceOf(UsageCalculationException.class)
                        .hasMessage("no figure of " + id));
    }

    @Test
    void theListOfFailuresCantBeChanged() {
        WarmResult result = fixture.open().warm(List.of(ORG), MARCH);
        UsageException error = new UsageCalculationException("mine", null);
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> result.failures().put(ORG, error));
    }

    @Test
    void aThousandFiguresThatAreThereArentAThousandFramesDeep() {
        UsageService service = fixture.open(fixture.builder().maxConcurrentComputations(1));
        List<String> ids = ids(20_000);
        ids.forEach(id -> fixture.keep(new UsageKey(id, MARCH), Duration.ZERO));
        assertThat(service.warm(ids, MARCH)).isEqualTo(new WarmResult(20_000, 0, Map.of()));
    }

    @Test
    void theCallReturnsWhileItGoesOn() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        CompletionStage<WarmResult> stage = service.warmAsync(List.of(ORG), MARCH);
        fixture.calculator.awaitBegun(1);
        assertThat(stage.toCompletableFuture()).isNotDone();
        fixture.calculator.release();
        assertThat(ServiceFixture.resultOf(stage)).isEqualTo(new WarmResult(0, 1, Map.of()));
    }

    @Test
    void itJoinsWhatIsUnderWayAndIsJoined() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.calculator.hold();
        var miss = service.getAsync(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        CompletionStage<WarmResult> warming = service.warmAsync(List.of(ORG), MARCH);
        fixture.events.await("coalesced", 1);
        fixture.calculator.release();
        assertThat(ServiceFixture.resultOf(warming)).isEqualTo(new WarmResult(0, 1, Map.of()));
        ServiceFixture.assertFigure(ServiceFixture.resultOf(miss));
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void whileTheCacheIsDownItComputesOrRefusesAsThePolicySays() {
        fixture.cache.goDown();
        UsageService open = fixture.open();
        assertThat(open.warm(List.of(ORG), MARCH)).isEqualTo(new WarmResult(0, 1, Map.of()));
        UsageService closed = fixture.open(fixture.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        WarmResult refused = closed.warm(List.of(ORG), MARCH);
        assertThat(refused.failures().get(ORG)).isInstanceOf(UsageUnavailableException.class);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
    }

    @Test
    void anErrorOfAnotherKindIsListedAsATypedOne() {
        IllegalStateException broken = new IllegalStateException("broken");
        UsageServiceBuilder builder = fixture.builder().singleFlight(new BrokenFlights(broken));
        WarmResult result = fixture.open(builder).warm(List.of(ORG), MARCH);
        assertThat(result.failures().get(ORG))
                .isInstanceOf(UsageCalculationException.class)
                .hasCause(broken);
    }

    @Test
    void onClosingWhatIsLeftIsNotBegun() throws InterruptedException {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).drainTimeout(Duration.ofMillis(10)));
        fixture.calculator.hold();
        CompletionStage<WarmResult> warming = service.warmAsync(ids(5), MARCH);
        fixture.calculator.awaitBegun(1);
        long reads = fixture.cache.reads();
        service.close();
        WarmResult result = ServiceFixture.resultOf(warming);
        assertThat(result.failures()).hasSize(5);
        assertThat(fixture.calculator.calls()).isEqualTo(1);
        assertThat(fixture.cache.reads()).as("a closed cache isn't read").isEqualTo(reads);
    }

    @Test
    void argumentsAreCheckedBeforeAnythingIsComputed() {
        UsageService service = fixture.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.warm(List.of(ORG, " "), MARCH));
        assertThatIllegalArgumentException().isThrownBy(() -> service.warmAsync(List.of(ORG, " "), MARCH));
        assertThat(fixture.cache.reads()).isZero();
        assertThat(fixture.calculator.calls()).isZero();
        service.close();
        assertThatIllegalStateException().isThrownBy(() -> service.warm(List.of(ORG), MARCH));
    }

    private static List<String> ids(int howMany) {
        return IntStream.range(0, howMany).mapToObj(i -> "org-" + i).toList();
    }
}
