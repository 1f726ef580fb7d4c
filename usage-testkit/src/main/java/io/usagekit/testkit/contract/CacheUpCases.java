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
final class CacheThereWalks {

    private CacheThereWalks() {}

    static void fresh(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.FRESH);
        scene.assertOld(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    static void softExpired(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.calculator().hold();
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.calculator().release();
        scene.eventually(
                "the refreshed figure is served",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    static void softExpiredWithoutPermit(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("refreshDropped");
        scene.assertComputations(1);
        scene.calculator().release();
        scene.eventually(
                "a later hit starts it",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
    }

    static void softExpiredRefreshFails(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.calculator().fail();
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("refreshFailed");
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.IN_GRACE);
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void inGraceError(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.IN_GRACE);
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGraceTimeout(ContractScene scene) throws Exception {
        for (MissPolicy policy : List.of(MissPolicy.awaitUpTo(Duration.ofMillis(20)), MissPolicy.pending())) {
            UsageService service = scene.open(scene.builder().missPolicy(policy));
            scene.keep(ContractScene.IN_GRACE);
            scene.calculator().hold();
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
            scene.calculator().awaitBegun(1);
            scene.calculator().release();
            scene.eventually(
                    "the figure comes",
                    () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        }
        scene.assertComputations(2);
    }

    static void inGraceOverload(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.keep(ContractScene.IN_GRACE);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void pastItsGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.PAST_ITS_GRACE);
        scene.calculator().fail();
        assertThrows(UsageCalculationException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void absentWait(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        List<Future<UsageResult>> callers =
                scene.callTogether(16, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        for (Future<UsageResult> caller : callers) {
            scene.assertNew(Freshness.FRESH, ContractScene.resultOf(caller));
        }
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void absentWaitUpTo(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        scene.calculator().hold();
        ContractScene.assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    static void absentPending(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.pending()));
        scene.calculator().hold();
        ContractScene.assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    static void absentOverload(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        UsageService patient = scene.open(scene.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0)
                .missPolicy(MissPolicy.awaitUpTo(Duration.ofMinutes(1))));
        scene.takeAllPermits(service);
        assertThrows(UsageOverloadedException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.takeAllPermits(patient);
        ContractScene.assertPending(patient.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(2);
        scene.calculator().release();
    }

    static void loadFailed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.assertOneErrorForAll(service);
    }

    static void unreadable(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().garble(ContractScene.KEY);
        boolean isThere = scene.backend().holdsEntry(ContractScene.KEY);
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        if (isThere) {
            scene.awaitEvent("entryUnreadable");
        }
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void invalidatedDuringLoad(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> joined = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.change();
        service.invalidate(ContractScene.ORG, ContractScene.MARCH);
        CompletionStage<UsageResult> next = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(joined));
        scene.assertChanged(Freshness.FRESH, ContractScene.resultOf(next));
        scene.assertChanged(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("fencedOff");
        scene.assertComputations(2);
    }

    static void closed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> joined = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        Future<?> closing = scene.call(() -> {
            service.close();
            return null;
        });
        scene.eventually("new calls are rejected", () -> {
            try {
                service.invalidate("org-other", ContractScene.MARCH);
                return false;
            } catch (IllegalStateException e) {
                return true;
            }
        });
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(joined));
        ContractScene.resultOf(closing);
        assertThrows(IllegalStateException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        assertTrue(scene.backend().holdsEntry(ContractScene.KEY), "what was drained was kept");
    }
}
