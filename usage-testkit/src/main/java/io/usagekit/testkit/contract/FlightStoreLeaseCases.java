package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Cases of acquiring, renewing, releasing and failing leases, and of fences. */
abstract class FlightStoreLeaseCases extends FlightStoreFixture {

    FlightStoreLeaseCases(FlightStoreContract contract) {
        super(contract);
    }

    @Test
    final void givesLeaseToFirstCallerAndReportsItToOthers() {
        long fence = acquired(here, "a");

        Acquisition.Held held = assertInstanceOf(Acquisition.Held.class, acquire(there, "b"));

        assertEquals(fence, held.fence());
        assertAbout(LEASE, held.remaining());
        assertInstanceOf(Acquisition.Held.class, acquire(here, "c"), "any other token");
    }

    @Test
    final void keepsLeasesPerKey() {
        acquired(here, "a");
        UsagePeriod almostMarch = UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1_000));
        for (UsageKey other : List.of(new UsageKey("org-124", MARCH), new UsageKey("org-123", almostMarch))) {
            assertInstanceOf(Acquisition.Acquired.class, acquire(there, other, "b"), other::toString);
        }
        UsageKey sameWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        assertInstanceOf(Acquisition.Held.class, acquire(there, sameWindow, "b"), "same window, other label");
    }

    @Test
    final void extendsLeaseWhenSameTokenAcquiresAgain() {
        long fence = acquired(here, "a");
        elapse(Duration.ofSeconds(20));

        assertEquals(fence, acquired(here, "a"));

        elapse(Duration.ofSeconds(15));
        assertEquals(
                fence,
                assertInstanceOf(Acquisition.Held.class, acquire(there, "b")).fence());
        assertStored(publish(here, "a", fence, figure(1)));
    }

    @Test
    final void expiresLeaseUnlessRenewed() {
        long first = acquired(here, "a");
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Acquisition.Held.class, acquire(there, "b"));
        assertTrue(await(here.renew(KEY, "a", LEASE)));
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Acquisition.Held.class, acquire(there, "b"), "renewed 20 s ago");
        elapse(Duration.ofSeconds(10));

        assertTrue(acquired(there, "b") > first, "a later fence is greater");
    }

    @Test
    final void shortensLeaseWhenRenewedForLess() {
        acquired(here, "a");
        assertTrue(await(here.renew(KEY, "a", Duration.ofSeconds(10))));
        elapse(Duration.ofSeconds(10));
        acquired(there, "b");
    }

    @Test
    final void findsFigureYoungerThanAcceptableAge() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 7), Duration.ofSeconds(20)), TIME_TO_LIVE));
        elapse(Duration.ofSeconds(20));

        Acquisition.Found found = assertInstanceOf(Acquisition.Found.class, acquire(here, "a", Duration.ofSeconds(70)));

        assertEquals(usage(KEY, 7), found.figure().usage());
        assertAbout(Duration.ofSeconds(40), found.figure().age());
        assertInstanceOf(
                Acquisition.Acquired.class, acquire(here, "a", Duration.ofSeconds(40)), "exactly the acceptable age");
        assertInstanceOf(Acquisition.Acquired.class, acquire(here, "a", Duration.ZERO), "acceptable age zero");
        assertInstanceOf(Acquisition.Found.class, acquire(there, "b", ANY_AGE), "while another token holds the lease");
        assertInstanceOf(
                Acquisition.Found.class,
                acquire(there, "b", Duration.ofSeconds(Long.MAX_VALUE)),
                "the longest age there is");
        assertInstanceOf(Acquisition.Held.class, acquire(there, "b", Duration.ZERO));
    }

    @Test
    final void findsFreshFigureUnlessAcceptableAgeIsZero() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 7), Duration.ZERO), TIME_TO_LIVE));
        assertInstanceOf(Acquisition.Acquired.class, acquire(here, "a", Duration.ZERO));
        assertInstanceOf(Acquisition.Found.class, acquire(here, "a", Duration.ofSeconds(10)));
    }

    @Test
    final void labelsFoundFigureAsRequested() {
        await(cache.put(KEY, figure(7), TIME_TO_LIVE));
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        Acquisition.Found found = assertInstanceOf(
                Acquisition.Found.class, await(here.acquire(asWindow, request("a", ANY_AGE, OptionalLong.empty()))));
        assertEquals(asWindow.period().label(), found.figure().usage().period().label());
    }

    @Test
    final void findsFigureWithUnmeasuredRows() {
        OrganisationUsage usage = usage(KEY, 7);
        OrganisationUsage incomplete = new OrganisationUsage(KEY, usage.received(), usage.sent(), usage.createdAt(), 3);
        long fence = acquired(here, "a");
        assertStored(publish(here, "a", fence, new AgedUsage(incomplete, Duration.ZERO)));

        assertEquals(
                incomplete,
                assertInstanceOf(Acquisition.Found.class, acquire(there, "b", ANY_AGE))
                        .figure()
                        .usage());
        assertEquals(
                incomplete,
                assertInstanceOf(Acquisition.Found.class, acquireAwaiting(there, "b", fence))
                        .figure()
                        .usage());
    }

    @Test
    final void findsNoExpiredFigure() {
        await(cache.put(KEY, figure(7), Duration.ofSeconds(20)));
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Acquisition.Acquired.class, acquire(here, "a", ANY_AGE));
    }

    @Test
    final void findsFigureOfAwaitedFenceOrLaterAtAnyAge() {
        long first = acquired(here, "a");
        assertInstanceOf(Acquisition.Held.class, acquireAwaiting(there, "b", first), "nothing is stored yet");
        AgedUsage old = new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50));
        assertStored(publish(here, "a", first, old));

        assertFound(1, acquireAwaiting(there, "b", first));

        long second = acquired(here, "c");
        assertInstanceOf(
                Acquisition.Held.class, acquireAwaiting(there, "b", second), "only an earlier figure is stored");
        assertFound(1, acquireAwaiting(there, "b", first));
        assertStored(publish(here, "c", second, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(40))));
        assertFound(2, acquireAwaiting(there, "b", first));
        assertFound(2, acquireAwaiting(there, "b", second));
        assertInstanceOf(Acquisition.Acquired.class, acquireAwaiting(there, "b", second + 1));
    }

    @Test
    final void findsNoFigureOfAwaitedFenceOnceInvalidated() {
        long fence = acquired(here, "a");
        assertStored(publish(here, "a", fence, figure(1)));
        await(there.invalidate(KEY));
        assertInstanceOf(Acquisition.Acquired.class, acquireAwaiting(there, "b", fence));
        await(cache.put(KEY, figure(2), TIME_TO_LIVE));
        assertInstanceOf(
                Acquisition.Held.class, acquireAwaiting(here, "c", fence), "a figure put by the cache has no fence");
    }

    @Test
    final void givesLeaseToExactlyOneOfConcurrentCallers() throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            for (int round = 0; round < 20; round++) {
                UsageKey key = new UsageKey("org-" + round, MARCH);
                assertOneAcquired(key, race(threads, key));
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private List<Acquisition> race(ExecutorService threads, UsageKey key) throws Exception {
        int racers = 16;
        CyclicBarrier start = new CyclicBarrier(racers);
        List<Future<Acquisition>> acquisitions = new ArrayList<>();
        for (int i = 0; i < racers; i++) {
            FlightStore store = i % 2 == 0 ? here : there;
            String token = "racer-" + i;
            acquisitions.add(threads.submit(() -> {
                start.await();
                return acquire(store, key, token);
            }));
        }
        List<Acquisition> answers = new ArrayList<>();
        for (Future<Acquisition> acquisition : acquisitions) {
            answers.add(acquisition.get(30, TimeUnit.SECONDS));
        }
        return answers;
    }

    private static void assertOneAcquired(UsageKey key, List<Acquisition> acquisitions) {
        Set<Long> fences = new HashSet<>();
        int acquired = 0;
        for (Acquisition acquisition : acquisitions) {
            if (acquisition instanceof Acquisition.Acquired one) {
                acquired++;
                fences.add(one.fence());
            } else {
                fences.add(assertInstanceOf(Acquisition.Held.class, acquisition).fence());
            }
        }
        assertEquals(1, acquired, () -> "leases given for " + key + ": " + acquisitions);
        assertEquals(1, fences.size(), () -> "fences for " + key + ": " + acquisitions);
    }

    // Fences

    @Test
    final void issuesGrowingFencesHoweverLeasesEnd() {
        long last = acquired(here, "published");
        assertStored(publish(here, "published", last, figure(1)));
        last = assertGreater(last, "released");
        await(here.release(KEY, "released"));
        last = assertGreater(last, "failed");
        await(here.fail(KEY, "failed", "no database", BACK_OFF));
        elapse(BACK_OFF);
        last = assertGreater(last, "expired");
        elapse(LEASE);
        last = assertGreater(last, "invalidated");
        await(here.invalidate(KEY));
        last = assertGreater(last, "invalidated with the organisation");
        await(here.invalidate(KEY.organisationId()));
        last = assertGreater(last, "invalidated in the cache");
        await(cache.invalidate(KEY));
        assertGreater(last, "last");
    }

    private long assertGreater(long last, String token) {
        long fence = acquired(there, token);
        assertTrue(fence > last, () -> "the fence of " + token + " is greater than " + last + ", but was " + fence);
        return fence;
    }

    // Ends of a lease

    @Test
    final void allowsOnlyHolderToRenewReleaseAndFail() {
        long fence = acquired(here, "a");
        assertFalse(await(there.renew(KEY, "b", Duration.ofHours(1))));
        await(there.release(KEY, "b"));
        await(there.fail(KEY, "b", "no database", BACK_OFF));

        Acquisition.Held held = assertInstanceOf(Acquisition.Held.class, acquire(there, "c"));

        assertEquals(fence, held.fence());
        assertAbout(LEASE, held.remaining());
    }

    @Test
    final void ignoresFormerHolderOnceLeaseIsLost() {
        acquired(here, "a");
        elapse(LEASE);
        assertFalse(await(here.renew(KEY, "a", LEASE)), "expired");
        long second = acquired(there, "b");
        assertFalse(await(here.renew(KEY, "a", LEASE)), "held by another token");
        await(here.release(KEY, "a"));
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        assertEquals(
                second,
                assertInstanceOf(Acquisition.Held.class, acquire(here, "c")).fence());
    }

    @Test
    final void ignoresRenewReleaseAndFailWithoutLease() {
        assertFalse(await(here.renew(KEY, "a", LEASE)));
        await(here.release(KEY, "a"));
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        acquired(there, "b");
    }

    @Test
    final void freesReleasedLease() {
        acquired(here, "a");
        await(here.release(KEY, "a"));
        acquired(there, "b");
    }

    @Test
    final void reportsFailureToAllUntilBackOffEnds() {
        long fence = acquired(here, "a");
        await(here.fail(KEY, "a", "no database\n\"here\" é😀", BACK_OFF));

        Acquisition.Failed failed = assertInstanceOf(Acquisition.Failed.class, acquire(there, "b"));

        assertEquals(fence, failed.fence());
        assertEquals("no database\n\"here\" é😀", failed.reason());
        assertAbout(BACK_OFF, failed.remaining());
        assertInstanceOf(Acquisition.Failed.class, acquire(here, "a"), "reported to the failed token as well");
        assertFalse(await(here.renew(KEY, "a", LEASE)), "its lease is released");
        elapse(BACK_OFF);
        acquired(there, "b");
    }

    @Test
    final void findsAcceptableFigureDuringBackOff() {
        acquired(here, "a");
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        await(cache.put(KEY, figure(1), TIME_TO_LIVE));
        assertFound(1, acquire(there, "b", ANY_AGE));
        assertInstanceOf(Acquisition.Failed.class, acquire(there, "b"));
    }

    @Test
    final void keepsFirst200CharactersOfReason() {
        acquired(here, "a");
        String reason = "why ".repeat(100);
        await(here.fail(KEY, "a", reason, BACK_OFF));
        assertEquals(
                reason.substring(0, 200),
                assertInstanceOf(Acquisition.Failed.class, acquire(there, "b")).reason());
    }

    @Test
    final void keepsEmptyReason() {
        acquired(here, "a");
        await(here.fail(KEY, "a", "", BACK_OFF));
        assertEquals(
                "",
                assertInstanceOf(Acquisition.Failed.class, acquire(there, "b")).reason());
    }
}
