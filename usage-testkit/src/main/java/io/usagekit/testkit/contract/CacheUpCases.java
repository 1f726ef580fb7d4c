package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;

/** What each state comes to while the cache is there; one service. */
final class CacheUpCases {

    private CacheUpCases() {}

    static void fresh(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.FRESH);
        scene.assertOld(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(0);
    }

    static void softExpired(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.SOFT_EXPIRED);
        scene.calculator().hold();
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().awaitBegun(1);
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        scene.calculator().release();
        scene.eventually(
                "the refreshed figure is served",
                () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        scene.assertComputations(1);
    }

    static void softExpiredWithoutPermit(ServiceFixture scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ServiceFixture.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.awaitEvent("refreshDropped");
        scene.assertComputations(1);
        scene.calculator().release();
        scene.eventually(
                "a later hit starts it",
                () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
    }

    static void softExpiredRefreshFails(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.SOFT_EXPIRED);
        scene.calculator().fail();
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.awaitEvent("refreshFailed");
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGrace(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.IN_GRACE);
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void inGraceError(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.IN_GRACE);
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGraceTimeout(ServiceFixture scene) throws Exception {
        for (MissPolicy policy : List.of(MissPolicy.awaitUpTo(Duration.ofMillis(20)), MissPolicy.pending())) {
            UsageService service = scene.open(scene.builder().missPolicy(policy));
            scene.keep(ServiceFixture.IN_GRACE);
            scene.calculator().hold();
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            scene.calculator().awaitBegun(1);
            scene.calculator().release();
            scene.eventually(
                    "the figure comes",
                    () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        }
        scene.assertComputations(2);
    }

    static void inGraceOverload(ServiceFixture scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.keep(ServiceFixture.IN_GRACE);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void pastItsGrace(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.PAST_ITS_GRACE);
        scene.calculator().fail();
        assertThrows(UsageCalculationException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void absentWait(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        List<Future<UsageResult>> callers =
                scene.callTogether(16, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        for (Future<UsageResult> caller : callers) {
            scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(caller));
        }
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void absentWaitUpTo(ServiceFixture scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        scene.calculator().hold();
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        scene.assertComputations(1);
    }

    static void absentPending(ServiceFixture scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.pending()));
        scene.calculator().hold();
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        scene.assertComputations(1);
    }

    static void absentOverload(ServiceFixture scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        UsageService patient = scene.open(scene.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0)
                .missPolicy(MissPolicy.awaitUpTo(Duration.ofMinutes(1))));
        scene.takeAllPermits(service);
        assertThrows(UsageOverloadedException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.takeAllPermits(patient);
        ServiceFixture.assertPending(patient.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(2);
        scene.calculator().release();
    }

    static void loadFailed(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.assertOneErrorForAll(service);
    }

    static void unreadable(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.backend().garble(ServiceFixture.KEY);
        boolean isThere = scene.backend().holdsEntry(ServiceFixture.KEY);
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        if (isThere) {
            scene.awaitEvent("entryUnreadable");
        }
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void invalidatedDuringLoad(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        scene.change();
        service.invalidate(ServiceFixture.ORG, ServiceFixture.MARCH);
        CompletionStage<UsageResult> next = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        scene.assertChanged(Freshness.FRESH, ServiceFixture.resultOf(next));
        scene.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.awaitEvent("publicationRejected");
        scene.assertComputations(2);
    }

    static void closed(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        scene.calculator().awaitBegun(1);
        Future<?> closing = scene.call(() -> {
            service.close();
            return null;
        });
        scene.eventually("new calls are rejected", () -> {
            try {
                service.invalidate("org-other", ServiceFixture.MARCH);
                return false;
            } catch (IllegalStateException e) {
                return true;
            }
        });
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        ServiceFixture.resultOf(closing);
        assertThrows(IllegalStateException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        assertTrue(scene.backend().holdsEntry(ServiceFixture.KEY), "what was drained was kept");
    }
}
