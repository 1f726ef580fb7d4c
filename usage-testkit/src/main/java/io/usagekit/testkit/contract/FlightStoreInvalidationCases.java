package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Publication;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.internal.UnusualKeys;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Cases of invalidating keys and organisations. */
abstract class FlightStoreInvalidationCases extends FlightStoreFixture {

    FlightStoreInvalidationCases(FlightStoreContract contract) {
        super(contract);
    }

    @Test
    final void removesFigureLeaseAndFailureOfKey() {
        for (Invalidation invalidation : invalidations(KEY)) {
            long fence = acquired(here, "a");
            assertStored(publish(here, "a", fence, figure(1)));
            acquired(here, "b");
            await(invalidation.run());
            assertEquals(Optional.empty(), await(cache.get(KEY)), invalidation.name());
            acquired(there, "c");
            await(there.fail(KEY, "c", "no database", BACK_OFF));
            await(invalidation.run());
            acquired(there, "d");
            await(there.release(KEY, "d"));
        }
    }

    @Test
    final void rejectsPublicationOfLoadInvalidatedInFlight() {
        for (Invalidation invalidation : invalidations(KEY)) {
            long fence = acquired(here, "a");
            await(invalidation.run());

            assertFalse(await(here.renew(KEY, "a", LEASE)), invalidation.name());
            assertEquals(new Publication.Invalidated(), publish(here, "a", fence, figure(1)), invalidation.name());
            assertEquals(Optional.empty(), await(cache.get(KEY)), invalidation.name());

            long next = acquired(there, "b");
            assertEquals(
                    new Publication.Invalidated(),
                    publish(here, "a", fence, figure(1)),
                    () -> "while another load holds the lease, after " + invalidation.name());
            assertStored(publish(there, "b", next, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(10))));
            assertSuperseded(2, publish(here, "a", fence, figure(1)));
            await(here.invalidate(KEY));
        }
    }

    @Test
    final void rejectsPublicationWhenInvalidatedAfterLeaseExpired() {
        long fence = acquired(here, "a");
        elapse(LEASE);
        await(there.invalidate(KEY));
        assertEquals(new Publication.Invalidated(), publish(here, "a", fence, figure(1)));
    }

    /** A service doesn't call a store whose figures and leases the cache removes. */
    @Test
    final void leavesInvalidationsToNoForeignCache() {
        try (UsageCache foreign = InMemoryUsageCache.create()) {
            assertFalse(here.isInvalidatedBy(foreign), "a cache over other data");
        }
    }

    @Test
    final void allowsInvalidatingMissingKey() {
        for (Invalidation invalidation : invalidations(KEY)) {
            await(invalidation.run());
            await(invalidation.run());
        }
        acquired(here, "a");
    }

    @Test
    final void keepsOtherKeys() {
        UsageKey april = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        long fence = assertInstanceOf(Acquisition.Acquired.class, acquire(here, april, "a"))
                .fence();
        await(there.invalidate(KEY));
        assertStored(
                await(here.publish(april, "a", fence, new AgedUsage(usage(april, 1), Duration.ZERO), TIME_TO_LIVE)));
    }

    @Test
    final void removesFiguresAndRejectsPublicationsOfOrganisation() {
        List<UsageKey> keys = new ArrayList<>();
        for (int day = 1; day <= 28; day++) {
            keys.add(new UsageKey("org-123", UsagePeriod.day(LocalDate.of(2026, 3, day))));
        }
        for (int times = 0; times < 2; times++) {
            List<Long> fences = new ArrayList<>();
            for (UsageKey key : keys) {
                long published = acquiredOf(here, key, "p");
                assertStored(await(here.publish(key, "p", published, aged(key, 1), TIME_TO_LIVE)));
                fences.add(acquiredOf(here, key, "a"));
            }

            await(there.invalidate("org-123"));

            for (int i = 0; i < keys.size(); i++) {
                UsageKey key = keys.get(i);
                assertEquals(Optional.empty(), await(cache.get(key)), key::toString);
                assertEquals(
                        new Publication.Invalidated(),
                        await(here.publish(key, "a", fences.get(i), aged(key, 1), TIME_TO_LIVE)),
                        key::toString);
            }
        }
    }

    @Test
    final void invalidatesOrganisationWithLongLoadsAndLongLivedFigures() {
        long fence = acquired(here, "a");
        for (int times = 0; times < 50; times++) {
            elapse(Duration.ofSeconds(20));
            assertTrue(await(here.renew(KEY, "a", LEASE)), "renewed in time");
        }
        await(there.invalidate("org-123"));
        assertEquals(new Publication.Invalidated(), publish(here, "a", fence, figure(1)));

        await(here.publish(KEY, "b", acquired(here, "b"), figure(2), Duration.ofDays(1)));
        elapse(Duration.ofHours(23));
        await(there.invalidate("org-123"));
        assertEquals(Optional.empty(), await(cache.get(KEY)));
    }

    @Test
    final void keepsOtherOrganisations() {
        List<String> ids = UnusualKeys.organisationIds();
        for (String id : ids) {
            UsageKey key = new UsageKey(id, MARCH);
            assertStored(await(here.publish(key, "p", acquiredOf(here, key, "p"), aged(key, 1), TIME_TO_LIVE)));
        }
        Set<String> left = new HashSet<>(ids);
        for (String id : ids) {
            long fence = acquiredOf(here, new UsageKey(id, MARCH), "a");
            await(there.invalidate(id));
            left.remove(id);
            UsageKey key = new UsageKey(id, MARCH);
            assertEquals(
                    new Publication.Invalidated(),
                    await(here.publish(key, "a", fence, aged(key, 1), TIME_TO_LIVE)),
                    id);
            for (String other : ids) {
                assertEquals(
                        left.contains(other),
                        await(cache.get(new UsageKey(other, MARCH))).isPresent(),
                        () -> "after " + id + " the figure of " + other);
            }
        }
    }
}
