package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.Freshness;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;

/** Cases of two services of different processes whose cache is up. */
final class FleetCases {

    private FleetCases() {}

    static void softExpiredElsewhere(ServiceFixture fixture) throws Exception {
        UsageService other = fixture.open();
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.SOFT_EXPIRED);
        fixture.calculator().block();
        CompletionStage<UsageResult> computing = other.refreshAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().release();
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(computing));
        fixture.eventually(
                "the other service's figure is served",
                () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertComputations(1);
    }

    static void absentElsewhere(ServiceFixture fixture) throws Exception {
        UsageService other = fixture.open();
        UsageService service = fixture.open();
        fixture.calculator().block();
        CompletionStage<UsageResult> computing = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.awaitEvent("remoteLoadAwaited");
        assertFalse(waiting.toCompletableFuture().isDone(), "the call waits for the other service's figure");
        fixture.calculator().release();
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(waiting));
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(computing));
        fixture.assertComputations(1);
    }

    /** A lease is held by a process that computes, not by one whose calls wait for a permit. */
    static void absentWhereNoPermitIsFree(ServiceFixture fixture) throws Exception {
        UsageService busy = fixture.open(fixture.builder().maxConcurrentComputations(1));
        UsageService idle = fixture.open();
        fixture.calculator().block();
        CompletionStage<UsageResult> computing = busy.getAsync("org-other", ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        CompletionStage<UsageResult> queued = busy.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.eventually("a call waits for a permit", () -> busy.stats().queued() == 1);
        fixture.calculator().passOthers();
        fixture.assertNew(Freshness.FRESH, idle.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(queued));
        assertFalse(computing.toCompletableFuture().isDone(), "the busy service still computes");
        fixture.calculator().release();
        ServiceFixture.resultOf(computing);
        fixture.assertComputations(2);
    }

    static void loadFailedElsewhere(ServiceFixture fixture) throws Exception {
        UsageService other = fixture.open();
        UsageService service = fixture.open();
        fixture.calculator().block();
        fixture.calculator().fail();
        CompletionStage<UsageResult> computing = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.awaitEvent("remoteLoadAwaited");
        fixture.calculator().release();
        assertInstanceOf(UsageCalculationException.class, ServiceFixture.failureOf(computing));
        Throwable shared = ServiceFixture.failureOf(waiting);
        assertInstanceOf(UsageCalculationException.class, shared);
        assertTrue(
                String.valueOf(shared.getMessage()).contains(BlockedComputations.MESSAGE),
                () -> "the message contains the cause: " + shared);
        fixture.assertComputations(1);
    }

    /** The error may be one of the other process's settings: this one computes for itself, and has no back-off from it. */
    static void permanentlyFailedElsewhere(ServiceFixture fixture) throws Exception {
        UsageService other = fixture.open();
        UsageService service = fixture.open();
        fixture.calculator().block();
        fixture.calculator().failPermanently();
        CompletionStage<UsageResult> computing = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.awaitEvent("remoteLoadAwaited");
        fixture.calculator().release();
        for (CompletionStage<UsageResult> call : List.of(computing, waiting)) {
            UsageCalculationException error =
                    assertInstanceOf(UsageCalculationException.class, ServiceFixture.failureOf(call));
            assertFalse(error.isTransient(), () -> "transient: " + error);
        }
        fixture.assertComputations(2);
    }

    static void invalidatedElsewhere(ServiceFixture fixture) throws Exception {
        UsageService other = fixture.open();
        UsageService service = fixture.open();
        fixture.calculator().blockResult();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        fixture.change();
        other.invalidate(ServiceFixture.ORG);
        assertFalse(fixture.backend().holdsEntry(ServiceFixture.KEY));
        fixture.calculator().release();
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        fixture.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertChanged(Freshness.FRESH, other.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(2);
    }

    static void leaseLost(ServiceFixture fixture) throws Exception {
        UsageService paused = fixture.open();
        UsageService service = fixture.open();
        fixture.calculator().blockResult();
        CompletionStage<UsageResult> late = paused.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        fixture.calculator().passOthers();
        fixture.change();
        fixture.backend().expireLeases();
        fixture.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().release();
        fixture.assertChanged(Freshness.FRESH, ServiceFixture.resultOf(late));
        fixture.awaitEvent("publicationRejected");
        fixture.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(2);
    }

    static void closedReleases(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open(fixture.builder().drainTimeout(Duration.ZERO));
        UsageService other = fixture.open();
        fixture.calculator().block();
        CompletionStage<UsageResult> cancelled = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        CompletionStage<UsageResult> waiting = other.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.awaitEvent("remoteLoadAwaited");
        fixture.calculator().passOthers();
        service.close();
        assertInstanceOf(UsageCalculationException.class, ServiceFixture.failureOf(cancelled));
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(waiting));
        fixture.assertComputations(2);
    }
}
