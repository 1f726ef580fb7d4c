package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.Freshness;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.concurrent.CompletionStage;

/** What each state comes to while the cache is there, and a service of another process at work. */
final class FleetCases {

    private FleetCases() {}

    static void softExpiredElsewhere(ServiceFixture scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.keep(ServiceFixture.SOFT_EXPIRED);
        scene.calculator().hold();
        CompletionStage<UsageResult> computing = other.refreshAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(computing));
        scene.eventually(
                "the other's figure is served",
                () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        scene.assertComputations(1);
    }

    static void absentElsewhere(ServiceFixture scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> computing = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.awaitEvent("remoteLoadAwaited");
        assertFalse(waiting.toCompletableFuture().isDone(), "it waits for the other's figure");
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(waiting));
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(computing));
        scene.assertComputations(1);
    }

    static void loadFailedElsewhere(ServiceFixture scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().hold();
        scene.calculator().fail();
        CompletionStage<UsageResult> computing = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.awaitEvent("remoteLoadAwaited");
        scene.calculator().release();
        assertInstanceOf(UsageCalculationException.class, ServiceFixture.failureOf(computing));
        Throwable shared = ServiceFixture.failureOf(waiting);
        assertInstanceOf(UsageCalculationException.class, shared);
        assertTrue(
                String.valueOf(shared.getMessage()).contains(BlockedComputations.MESSAGE),
                () -> "it says why: " + shared);
        scene.assertComputations(1);
    }

    static void invalidatedElsewhere(ServiceFixture scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        scene.change();
        other.invalidate(ServiceFixture.ORG);
        assertFalse(scene.backend().holdsEntry(ServiceFixture.KEY));
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        scene.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertChanged(Freshness.FRESH, other.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(2);
    }

    static void leaseLost(ServiceFixture scene) throws Exception {
        UsageService paused = scene.open();
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> late = paused.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        scene.calculator().passOthers();
        scene.change();
        scene.backend().loseLeases();
        scene.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().release();
        scene.assertChanged(Freshness.FRESH, ServiceFixture.resultOf(late));
        scene.awaitEvent("publicationRejected");
        scene.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(2);
    }

    static void closedReleases(ServiceFixture scene) throws Exception {
        UsageService service = scene.open(scene.builder().drainTimeout(Duration.ZERO));
        UsageService other = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> cut = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.awaitEvent("remoteLoadAwaited");
        scene.calculator().passOthers();
        service.close();
        assertInstanceOf(UsageCalculationException.class, ServiceFixture.failureOf(cut));
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(waiting));
        scene.assertComputations(2);
    }
}
