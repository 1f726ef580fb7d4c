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

/** Cases of one service whose cache is up. */
final class CacheUpCases {

    private CacheUpCases() {}

    static void fresh(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.FRESH);
        fixture.assertOld(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(0);
    }

    static void computedBeforePeriodEnd(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.FRESH, ServiceFixture.MARCH.end().minus(ServiceFixture.FRESH.dividedBy(2)));
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.eventually(
                "the refreshed figure is served",
                () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertComputations(1);
    }

    static void softExpired(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.SOFT_EXPIRED);
        fixture.calculator().block();
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().awaitStarted(1);
        for (int i = 0; i < 10; i++) {
            fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        fixture.calculator().release();
        fixture.eventually(
                "the refreshed figure is served",
                () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertComputations(1);
    }

    static void softExpiredWithoutPermit(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open(fixture.builder().maxConcurrentComputations(1));
        fixture.putOld(ServiceFixture.SOFT_EXPIRED);
        fixture.takeAllPermits(service);
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.awaitEvent("refreshDropped");
        fixture.assertComputations(1);
        fixture.calculator().release();
        fixture.eventually("a hit after the back-off starts the refresh", () -> {
            fixture.elapse(Duration.ofMillis(100));
            return fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        });
    }

    static void softExpiredRefreshFails(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.SOFT_EXPIRED);
        fixture.calculator().fail();
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.awaitEvent("refreshFailed");
        for (int i = 0; i < 10; i++) {
            fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        fixture.assertComputations(1);
    }

    static void inGrace(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.IN_GRACE);
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void inGraceError(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.IN_GRACE);
        fixture.calculator().fail();
        for (int i = 0; i < 10; i++) {
            fixture.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        fixture.assertComputations(1);
    }

    static void inGracePermanentError(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.IN_GRACE);
        fixture.calculator().failPermanently();
        fixture.assertPermanentErrorsOnly(service);
    }

    static void inGraceTimeout(ServiceFixture fixture) throws Exception {
        for (MissPolicy policy : List.of(MissPolicy.awaitUpTo(Duration.ofMillis(20)), MissPolicy.pending())) {
            UsageService service = fixture.open(fixture.builder().missPolicy(policy));
            fixture.putOld(ServiceFixture.IN_GRACE);
            fixture.calculator().block();
            fixture.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            fixture.calculator().awaitStarted(1);
            fixture.calculator().release();
            fixture.eventually(
                    "the figure is served",
                    () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        }
        fixture.assertComputations(2);
    }

    static void inGraceOverload(ServiceFixture fixture) throws Exception {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        fixture.putOld(ServiceFixture.IN_GRACE);
        fixture.takeAllPermits(service);
        fixture.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void pastGrace(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.PAST_GRACE);
        fixture.calculator().fail();
        assertThrows(UsageCalculationException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void absentWait(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.calculator().block();
        List<Future<UsageResult>> callers =
                fixture.callTogether(16, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().awaitStarted(1);
        fixture.calculator().release();
        for (Future<UsageResult> caller : callers) {
            fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(caller));
        }
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void absentWaitUpTo(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        fixture.calculator().block();
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().awaitStarted(1);
        fixture.calculator().release();
        fixture.eventually(
                "the figure is served",
                () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertComputations(1);
    }

    static void absentPending(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open(fixture.builder().missPolicy(MissPolicy.pending()));
        fixture.calculator().block();
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.calculator().awaitStarted(1);
        fixture.calculator().release();
        fixture.eventually(
                "the figure is served",
                () -> fixture.isNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertComputations(1);
    }

    static void absentOverload(ServiceFixture fixture) throws Exception {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        UsageService patient = fixture.open(fixture.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0)
                .missPolicy(MissPolicy.awaitUpTo(Duration.ofMinutes(1))));
        fixture.takeAllPermits(service);
        assertThrows(UsageOverloadedException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.takeAllPermits(patient);
        ServiceFixture.assertPending(patient.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(2);
        fixture.calculator().release();
    }

    static void loadFailed(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.assertOneErrorForAll(service);
    }

    static void unreadable(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.backend().corruptEntry(ServiceFixture.KEY);
        boolean isThere = fixture.backend().holdsEntry(ServiceFixture.KEY);
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        if (isThere) {
            fixture.awaitEvent("entryUnreadable");
        }
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void invalidatedDuringLoad(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.calculator().blockResult();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        fixture.change();
        service.invalidate(ServiceFixture.ORG, ServiceFixture.MARCH);
        CompletionStage<UsageResult> next = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        fixture.calculator().release();
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        fixture.assertChanged(Freshness.FRESH, ServiceFixture.resultOf(next));
        fixture.assertChanged(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.awaitEvent("publicationRejected");
        fixture.assertComputations(2);
    }

    static void closed(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.calculator().block();
        CompletionStage<UsageResult> joined = service.getAsync(ServiceFixture.ORG, ServiceFixture.MARCH);
        fixture.calculator().awaitStarted(1);
        Future<?> closing = fixture.call(() -> {
            service.close();
            return null;
        });
        fixture.eventually("new calls are rejected", () -> {
            try {
                service.invalidate("org-other", ServiceFixture.MARCH);
                return false;
            } catch (IllegalStateException e) {
                return true;
            }
        });
        fixture.calculator().release();
        fixture.assertNew(Freshness.FRESH, ServiceFixture.resultOf(joined));
        ServiceFixture.resultOf(closing);
        assertThrows(IllegalStateException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        assertTrue(fixture.backend().holdsEntry(ServiceFixture.KEY), "the figure of the drained load is stored");
    }
}
