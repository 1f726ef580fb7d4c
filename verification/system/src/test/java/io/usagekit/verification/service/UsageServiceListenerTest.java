package io.usagekit.verification.service;

import static io.usagekit.verification.service.Scene.KEY;
import static io.usagekit.verification.service.Scene.MARCH;
import static io.usagekit.verification.service.Scene.ORG;
import static io.usagekit.verification.service.Scene.assertFigure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The exact events that the listener receives, and that one that throws affects no caller. */
class UsageServiceListenerTest {

    private final Scene scene = new Scene();

    @AfterEach
    void close() {
        scene.close();
    }

    @Test
    void aMissAndItsComputation() {
        UsageService service = scene.open(UsageService.builder((key, timeout) -> {
                    scene.clock.advance(Duration.ofMillis(250));
                    return scene.database.calculate(key, timeout);
                })
                .cache(scene.cache)
                .listener(scene.events)
                .ticker(scene.clock.ticker()));

        service.get(ORG, MARCH);

        assertThat(scene.events.events())
                .containsExactly(
                        new RecordingListener.Event("miss", KEY, ""),
                        new RecordingListener.Event("computed", KEY, Duration.ofMillis(250)));
    }

    @Test
    void aFreshHitWithItsAgeAndNothingElse() {
        UsageService service = scene.open();
        scene.keep(Duration.ofSeconds(7));
        service.get(ORG, MARCH);
        assertThat(scene.events.events())
                .containsExactly(new RecordingListener.Event("hit", KEY, Duration.ofSeconds(7)));
    }

    @Test
    void aStaleHitItsRefreshAndTheComputation() {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        service.get(ORG, MARCH);
        scene.events.awaitLoads();
        assertThat(scene.events.events())
                .containsExactlyInAnyOrder(
                        new RecordingListener.Event("hit", KEY, Duration.ofMinutes(2)),
                        new RecordingListener.Event("staleServed", KEY, Duration.ofMinutes(2)),
                        new RecordingListener.Event("refreshStarted", KEY, ""),
                        new RecordingListener.Event("computed", KEY, Duration.ZERO));
    }

    @Test
    void aStaleHitWhoseRefreshFails() {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.database.goDown();
        service.get(ORG, MARCH);
        scene.events.awaitLoads();
        assertThat(scene.events.names())
                .containsExactlyInAnyOrder(
                        "hit", "staleServed", "refreshStarted", "computationFailed", "refreshFailed");
        assertThat(scene.events.details("computationFailed")).hasOnlyElementsOfType(UsageCalculationException.class);
    }

    @Test
    void aStaleHitThatJoinsTheRefreshUnderWay() throws InterruptedException {
        UsageService service = scene.open();
        scene.keep(Duration.ofMinutes(2));
        scene.calculator.hold();
        service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);
        scene.events.clear();

        service.get(ORG, MARCH);

        assertThat(scene.events.names()).containsExactly("hit", "coalesced", "staleServed");
    }

    @Test
    void aMissThatJoinsTheComputationUnderWay() throws InterruptedException {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.pending()));
        scene.calculator.hold();
        service.get(ORG, MARCH);
        scene.calculator.awaitBegun(1);
        assertThat(scene.events.names()).containsExactly("miss", "pendingServed");
        scene.events.clear();

        service.get(ORG, MARCH);

        assertThat(scene.events.names()).containsExactly("miss", "coalesced", "pendingServed");
    }

    @Test
    void aMissWhoseComputationFailsWithTheErrorThatTheCallerGets() {
        UsageService service = scene.open();
        scene.database.goDown();
        Throwable failure = Scene.failure(scene.call(() -> service.get(ORG, MARCH)));
        assertThat(scene.events.events())
                .containsExactly(
                        new RecordingListener.Event("miss", KEY, ""),
                        new RecordingListener.Event("computationFailed", KEY, failure));
    }

    @Test
    void whoIsHeldUpAndFindsTheFigureAfterAllHasMissedButNotComputed() throws InterruptedException {
        HeldCache held = new HeldCache(scene.cache);
        UsageService service = scene.open(scene.builder().cache(held));
        Future<UsageResult> late = scene.call(() -> {
            held.holdThisThread();
            return service.get(ORG, MARCH);
        });
        held.awaitHeld(1);
        scene.keep(Duration.ZERO);
        held.release();
        assertFigure(Scene.done(late));
        assertThat(scene.events.names()).containsExactly("miss");
    }

    @Test
    void nothingIsToldOfCallsThatAreRejected() {
        UsageService service = scene.open();
        assertThatIllegalArgumentException().isThrownBy(() -> service.get(" ", MARCH));
        service.close();
        assertThatExceptionOfType(IllegalStateException.class).isThrownBy(() -> service.get(ORG, MARCH));
        assertThat(scene.events.names()).isEmpty();
    }

    @Test
    void eventsBearTheKeyAskedFor() {
        UsageService service = scene.open();
        service.get("org-124", MARCH);
        assertThat(scene.events.events())
                .extracting(RecordingListener.Event::key)
                .containsOnly(new UsageKey("org-124", MARCH));
    }

    @Test
    void aListenerThatThrowsFromEveryMethodHarmsNobody() {
        for (Throwable thrown : List.of(new IllegalStateException("listener"), new AssertionError("listener"))) {
            Set<String> called = ConcurrentHashMap.newKeySet();
            try (Scene fresh = new Scene()) {
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

    private static void provokeEveryEvent(Scene scene, UsageListener listener) {
        AtomicBoolean full = new AtomicBoolean();
        UsageService service = scene.open(scene.builder().listener(listener).executor(task -> {
            if (full.get()) {
                throw new RejectedExecutionException("full");
            }
            scene.execute(task);
        }));
        assertFigure(service.get(ORG, MARCH));
        assertThat(service.get(ORG, MARCH).freshness()).isEqualTo(Freshness.FRESH);

        scene.clock.advance(Duration.ofMinutes(2));
        scene.calculator.hold();
        assertThat(service.get(ORG, MARCH).freshness()).as("starts a refresh").isEqualTo(Freshness.STALE);
        assertThat(service.get(ORG, MARCH).freshness()).as("joins it").isEqualTo(Freshness.STALE);
        scene.calculator.release();
        scene.events.awaitLoads();
        assertThat(service.get(ORG, MARCH).freshness()).as("refreshed").isEqualTo(Freshness.FRESH);

        full.set(true);
        scene.clock.advance(Duration.ofMinutes(2));
        assertThat(service.get(ORG, MARCH).freshness()).as("no room for it").isEqualTo(Freshness.STALE);
        full.set(false);

        scene.database.goDown();
        assertThatExceptionOfType(UsageCalculationException.class)
                .isThrownBy(() -> service.get("org-124", MARCH))
                .withMessage("the in-memory calculator was taken down");
        scene.database.comeBack();

        scene.cache.goDown();
        assertFigure(service.get(ORG, MARCH));
        scene.events.awaitLoads();
        scene.cache.comeBack();
        assertThat(scene.cache.writes())
                .as("the first figure, the refresh, the failed one")
                .isEqualTo(3);
    }
}
