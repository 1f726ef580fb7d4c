package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.usagekit.Freshness;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageUnavailableException;
import java.time.Duration;

/** What each state comes to while the cache can't be reached. */
final class CacheDownCases {

    private CacheDownCases() {}

    static void fresh(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ServiceFixture.FRESH);
        scene.backend().takeCacheAway();
        scene.eventually(
                "the fallback copy is never fresh",
                () -> scene.isOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(0);
    }

    static void withoutFallback(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keep(ServiceFixture.FRESH);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void softExpired(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().fail();
        scene.keepAndRemember(service, ServiceFixture.SOFT_EXPIRED);
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        scene.calculator().recover();
        scene.eventually("the refreshed figure is the fallback copy", () -> {
            UsageResult result = service.get(ServiceFixture.ORG, ServiceFixture.MARCH);
            assertEquals(Freshness.STALE, result.freshness());
            scene.elapse(Duration.ofMillis(100));
            return scene.isNew(Freshness.STALE, result);
        });
    }

    static void softExpiredWithoutPermit(ServiceFixture scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ServiceFixture.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        int dropped = scene.events("refreshDropped");
        scene.eventually("no refresh without a permit", () -> {
            scene.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return scene.events("refreshDropped") > dropped;
        });
        scene.assertComputations(1);
        scene.calculator().release();
    }

    static void inGrace(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ServiceFixture.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void inGraceError(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ServiceFixture.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGraceFailClosed(ServiceFixture scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.keepAndRemember(service, ServiceFixture.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(0);
    }

    static void failOpen(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
    }

    static void noPermit(ServiceFixture scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.backend().takeCacheAway();
        scene.takeAllPermits(service);
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(1);
        scene.calculator().release();
    }

    static void failClosed(ServiceFixture scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.backend().takeCacheAway();
        assertThrows(UsageUnavailableException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        scene.assertComputations(0);
    }

    static void loadFailed(ServiceFixture scene) throws Exception {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        scene.assertOneErrorForAll(service);
    }

    static void invalidation(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        assertThrows(UsageCacheException.class, () -> service.invalidate(ServiceFixture.ORG, ServiceFixture.MARCH));
        assertThrows(UsageCacheException.class, () -> service.invalidate(ServiceFixture.ORG));
    }

    static void closed(ServiceFixture scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        service.close();
        service.close();
        assertThrows(IllegalStateException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
    }
}
