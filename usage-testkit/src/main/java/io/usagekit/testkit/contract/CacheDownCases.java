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
final class CacheAwayWalks {

    private CacheAwayWalks() {}

    static void fresh(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.FRESH);
        scene.backend().takeCacheAway();
        scene.eventually(
                "the reserve is never fresh",
                () -> scene.isOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    static void withoutReserve(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.FRESH);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void softExpired(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().fail();
        scene.keepAndRemember(service, ContractScene.SOFT_EXPIRED);
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        scene.calculator().recover();
        scene.eventually("the refreshed figure is the reserve", () -> {
            UsageResult result = service.get(ContractScene.ORG, ContractScene.MARCH);
            assertEquals(Freshness.STALE, result.freshness());
            scene.elapse(Duration.ofMillis(100));
            return scene.isNew(Freshness.STALE, result);
        });
    }

    static void softExpiredWithoutPermit(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        int dropped = scene.events("refreshDropped");
        scene.eventually("no refresh without a permit", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("refreshDropped") > dropped;
        });
        scene.assertComputations(1);
        scene.calculator().release();
    }

    static void inGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void inGraceError(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    static void inGraceFailClosed(ContractScene scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    static void failOpen(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    static void noPermit(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.backend().takeCacheAway();
        scene.takeAllPermits(service);
        ContractScene.assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
        scene.calculator().release();
    }

    static void failClosed(ContractScene scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.backend().takeCacheAway();
        assertThrows(UsageUnavailableException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    static void loadFailed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        scene.assertOneErrorForAll(service);
    }

    static void invalidation(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        assertThrows(UsageCacheException.class, () -> service.invalidate(ContractScene.ORG, ContractScene.MARCH));
        assertThrows(UsageCacheException.class, () -> service.invalidate(ContractScene.ORG));
    }

    static void closed(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        service.close();
        service.close();
        assertThrows(IllegalStateException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
    }
}
