package io.usagekit.verification.service;

import static io.usagekit.verification.service.ServiceFixture.KEY;
import static io.usagekit.verification.service.ServiceFixture.MARCH;
import static io.usagekit.verification.service.ServiceFixture.ORG;
import static io.usagekit.verification.service.ServiceFixture.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The exact events that the listener receives, and that one that throws affects no caller. */
class UsageServiceListenerTest {

    private final ServiceFixture fixture = new ServiceFixture();

    @AfterEach
    void close() {
        fixture.close();
    }

    @Test
    void aMissAndItsComputation() {
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> {
                    fixture.clock.advance(Duration.ofMillis(250));
                    return fixture.database.calculate(key, timeout);
                })
                .cache(fixture.cache)
                .listener(fixture.events)
                .ticker(fixture.clock.ticker()));

        service.get(ORG, MARCH);

        assertThat(fixture.events.events())
                .containsExactly(
                        new RecordingListener.Event("miss", KEY, ""),
                        new RecordingListener.Event("computed", KEY, Duration.ofMillis(250)));
    }

    @Test
    void aFigureWithUnmeasuredRowsWhichTheResultAndTheCacheKeep() {
        UsageService service = fixture.open(UsageService.builder((key, timeout) -> new OrganisationUsage(
                        key, UsageMetrics.ZERO, new UsageMetrics(3, 7), fixture.clock.instant(), 2))
                .cache(fixture.cache)
                .listener(fixture.events)
                .ticker(fixture.clock.ticker()));

        assertThat(service.get(ORG, MARCH).unmeasured()).isEqualTo(2);
        assertThat(service.get(ORG, MARCH).unmeasured()).as("from the cache").isEqualTo(2);

        assertThat(fixture.events.events())
                .contains(new RecordingListener.Event("unmeasured", KEY, 2L))
                .filteredOn(event -> event.name().equals("unmeasured"))
                .hasSize(1);
    }

    @Test
    void aFreshHitWithItsAgeAndNothingElse() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofSeconds(7));
        service.get(ORG, MARCH);
        assertThat(fixture.events.events())
                .containsExactly(new RecordingListener.Event("hit", KEY, Duration.ofSeconds(7)));
    }

    @Test
    void aStaleHitItsRefreshAndTheComputation() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();
        assertThat(fixture.events.events())
                .containsExactlyInAnyOrder(
                        new RecordingListener.Event("hit", KEY, Duration.ofMinutes(2)),
                        new RecordingListener.Event("staleServed", KEY, Duration.ofMinutes(2)),
                        new RecordingListener.Event("refreshStarted", KEY, ""),
                        new RecordingListener.Event("computed", KEY, Duration.ZERO));
    }

    @Test
    void aStaleHitWhoseRefreshFails() {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.database.goDown();
        service.get(ORG, MARCH);
        fixture.events.awaitLoads();
        assertThat(fixture.events.names())
                .containsExactlyInAnyOrder(
                        "hit", "staleServed", "refreshStarted", "computationFailed", "refreshFailed");
        assertThat(fixture.events.details("computationFailed")).hasOnlyElementsOfType(UsageCalculationException.class);
    }

    @Test
    void aStaleHitThatJoinsTheRefreshUnderWay() throws InterruptedException {
        UsageService service = fixture.open();
        fixture.keep(Duration.ofMinutes(2));
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        fixture.events.clear();

        service.get(ORG, MARCH);

        assertThat(fixture.events.names()).containsExactly("hit", "coalesced", "staleServed");
    }

    @Test
    void aMissThatJoinsTheComputationUnderWay() throws InterruptedException {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator.hold();
        service.get(ORG, MARCH);
        fixture.calculator.awaitBegun(1);
        assertThat(fixture.events.names()).containsExactly("miss", "pendingServed");
        fixture.events.clear();

        service.get(ORG, MARCH);

        assertThat(fixture.events.names()).containsExactly("miss", "coalesced", "pendingServed");
    }

    @Test
    void aMissWhoseComputationFailsWithTheErrorThatTheCallerGets() {
        UsageService service = fixture.open();
        fixture.database.goDown();
        Throwable failure = ServiceFixture.failure(fixture.call(() -> service.get(ORG, MARCH)));
        assertThat(fixture.events.events())
                .containsExactly(
                        new RecordingListener.Event("miss", KEY, ""),
                        new RecordingListener.Event("computationFailed", KEY, failure));
    }

    @Test
    void whoIsHeldUpAndFindsTheFigureAfterAllHasMissedButNotComputed() throws InterruptedException {
        HeldCache held = new HeldCache(fixture.cache);
        UsageService service = fixture.open(fixture.builder().cache(held));
        Future<UsageResult> late = fixture.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        fixture.keep(Duration.ZERO);
        held.release();
        assertFigure(ServiceFixture.done(late));
        assertThat(fixture.events.names()).containsExactly("miss");
    }

    @Test
    void nothingIsToldOfCallsThatAreRejected() {
        UsageService service = fixture.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.get(" ", MARCH));
        service.close();
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> service.get(ORG, MARCH));
        assertThat(fixture.events.names()).isEmpty();
    }

    @Test
    void eventsBearTheKeyAskedFor() {
        UsageService service = fixture.open();
        service.get("org-124", MARCH);
        assertThat(fixture.events.events())
                .extracting(RecordingListener.Event::key)
                .containsOnly(new UsageKey("org-124", MARCH));
    }

    @Test
    void aListenerThatThrowsFromEveryMethodHarmsNobody() {
        for (Throwable thrown : List.of(new IllegalStateException("listener"), new AssertionError("listener"))) {
            Set<String> called = ConcurrentHashMap.newKeySet();
            try (ServiceFixture fresh = new ServiceFixture()) {
                UsageListener throwing = (UsageListener) Proxy.newProxyInstance(
                        UsageListener.class.getClassLoader(),
                        new Class<?>[] {UsageListener.class},
                        (proxy, method, args) -> {
                            called.add(method.getName());
                            method.invoke(fresh.events, args); // the test waits for its loads
                            throw thrown;
                        });
                provokeEveryEvent(fresh, throwing);
            }
            assertThat(called)
                    .contains(
                            "hit",
                            "miss",
                            "staleServed",
                            "coalesced",
                            "refreshStarted",
                            "refreshDropped",
                            "computed",
                            "computationFailed",
                            "cacheReadFailed",
                            "cacheWriteFailed");
        }
    }

    @Test
    void everyListenerReceivesEveryEventWhateverTheOthersThrow() {
        List<String> called = new CopyOnWriteArrayList<>();
        UsageListener failing = new UsageListener() {
            @Override
            public void miss(UsageKey key) {
                called.add("failing");
                throw new IllegalStateException("a listener fails");
            }

            @Override
            public void hit(UsageKey key, Tier tier, Duration age) {
                called.add("failing hit");
                throw new AssertionError("a listener fails");
            }
        };
        UsageListener last = new UsageListener() {
            @Override
            public void miss(UsageKey key) {
                called.add("last");
            }

            @Override
            public void hit(UsageKey key, Tier tier, Duration age) {
                called.add("last hit");
            }
        };
        UsageService service =
                fixture.open(fixture.builder().addListener(failing).addListener(last));

        assertFigure(service.get(ORG, MARCH));
        assertFigure(service.get(ORG, MARCH));

        assertThat(called).containsExactly("failing", "last", "failing hit", "last hit");
        assertThat(fixture.events.details("hit")).as("the first listener's").hasSize(1);
    }

    @Test
    void listenerReplacesThoseBeforeIt() {
        List<String> called = new CopyOnWriteArrayList<>();
        UsageListener replaced = new UsageListener() {
            @Override
            public void miss(UsageKey key) {
                called.add("replaced");
            }
        };
        UsageService service =
                fixture.open(fixture.builder().addListener(replaced).listener(fixture.events));
        assertFigure(service.get(ORG, MARCH));
        assertThat(called).isEmpty();
    }

    private static void provokeEveryEvent(ServiceFixture fixture, UsageListener listener) {
        AtomicBoolean full = new AtomicBoolean();
        UsageService service = fixture.open(fixture.builder().listener(listener).executor(task -> {
            if (full.get()) {
                throw new RejectedExecutionException("full");
            }
            fixture.execute(task);
        }));
        assertFigure(service.get(ORG, MARCH));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);

        fixture.clock.advance(Duration.ofMinutes(2));
        fixture.calculator.hold();
        assertThat(service.get(ORG, MARCH).freshness()).as("starts a refresh").isEqualTo(Freshness.STALE);
        assertThat(service.get(ORG, MARCH).freshness()).as("joins it").isEqualTo(Freshness.STALE);
        fixture.calculator.release();
        fixture.events.awaitLoads();
        assertThat(service.get(ORG, MARCH).freshness()).as("refreshed").isEqualTo(Freshness.FRESH);

        full.set(true);
        fixture.clock.advance(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).as("no room for it").isEqualTo(Freshness.STALE);
        full.set(false);

        fixture.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get("org-124", MARCH))
                .withMessage("the in-memory calculator was taken down by goDown()");
        fixture.database.comeBack();

        fixture.cache.goDown();
        assertFigure(service.get(ORG, MARCH));
        fixture.events.awaitLoads();
        fixture.cache.comeBack();
        assertThat(fixture.cache.writes())
                .as("the first figure, the refresh, the failed one")
                .isEqualTo(3);
    }
}
