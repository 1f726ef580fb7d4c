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

/** Cases of one service whose cache is down. */
final class CacheDownCases {

    private CacheDownCases() {}

    static void fresh(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOldAndRead(service, ServiceFixture.FRESH);
        fixture.backend().disconnectCache();
        fixture.eventually(
                "the fallback copy is never fresh",
                () -> fixture.isOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH)));
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(0);
    }

    static void withoutFallback(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOld(ServiceFixture.FRESH);
        fixture.backend().disconnectCache();
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void softExpired(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.calculator().fail();
        fixture.putOldAndRead(service, ServiceFixture.SOFT_EXPIRED);
        fixture.backend().disconnectCache();
        fixture.eventually("the service has noticed that the cache is down", () -> {
            fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return fixture.events("cacheReadFailed") > 0;
        });
        fixture.calculator().recover();
        fixture.eventually("the refreshed figure is the fallback copy", () -> {
            UsageResult result = service.get(ServiceFixture.ORG, ServiceFixture.MARCH);
            assertEquals(Freshness.STALE, result.freshness());
            fixture.elapse(Duration.ofMillis(100));
            return fixture.isNew(Freshness.STALE, result);
        });
    }

    static void softExpiredWithoutPermit(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open(fixture.builder().maxConcurrentComputations(1));
        fixture.putOld(ServiceFixture.SOFT_EXPIRED);
        fixture.takeAllPermits(service);
        fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.backend().disconnectCache();
        fixture.eventually("the service has noticed that the cache is down", () -> {
            fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return fixture.events("cacheReadFailed") > 0;
        });
        int dropped = fixture.events("refreshDropped");
        fixture.eventually("no refresh without a permit", () -> {
            fixture.elapse(Duration.ofMillis(100));
            fixture.assertOld(Freshness.STALE, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
            return fixture.events("refreshDropped") > dropped;
        });
        fixture.assertComputations(1);
        fixture.calculator().release();
    }

    static void inGrace(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOldAndRead(service, ServiceFixture.IN_GRACE);
        fixture.backend().disconnectCache();
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void inGraceError(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOldAndRead(service, ServiceFixture.IN_GRACE);
        fixture.backend().disconnectCache();
        fixture.calculator().fail();
        for (int i = 0; i < 10; i++) {
            fixture.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        }
        fixture.assertComputations(1);
    }

    static void inGracePermanentError(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.putOldAndRead(service, ServiceFixture.IN_GRACE);
        fixture.backend().disconnectCache();
        fixture.calculator().failPermanently();
        fixture.assertPermanentErrorsOnly(service);
    }

    static void inGraceFailClosed(ServiceFixture fixture) {
        UsageService service = fixture.open(fixture.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        fixture.putOldAndRead(service, ServiceFixture.IN_GRACE);
        fixture.backend().disconnectCache();
        fixture.assertOld(Freshness.STALE_ON_ERROR, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(0);
    }

    static void failOpen(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.backend().disconnectCache();
        fixture.assertNew(Freshness.FRESH, service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
    }

    static void noPermit(ServiceFixture fixture) throws Exception {
        UsageService service =
                fixture.open(fixture.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        fixture.backend().disconnectCache();
        fixture.takeAllPermits(service);
        ServiceFixture.assertPending(service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(1);
        fixture.calculator().release();
    }

    static void failClosed(ServiceFixture fixture) {
        UsageService service = fixture.open(fixture.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        fixture.backend().disconnectCache();
        assertThrows(UsageUnavailableException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
        fixture.assertComputations(0);
    }

    static void loadFailed(ServiceFixture fixture) throws Exception {
        UsageService service = fixture.open();
        fixture.backend().disconnectCache();
        fixture.assertOneErrorForAll(service);
    }

    static void invalidation(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.backend().disconnectCache();
        assertThrows(UsageCacheException.class, () -> service.invalidate(ServiceFixture.ORG, ServiceFixture.MARCH));
        assertThrows(UsageCacheException.class, () -> service.invalidate(ServiceFixture.ORG));
    }

    static void closed(ServiceFixture fixture) {
        UsageService service = fixture.open();
        fixture.backend().disconnectCache();
        service.close();
        service.close();
        assertThrows(IllegalStateException.class, () -> service.get(ServiceFixture.ORG, ServiceFixture.MARCH));
    }
}
