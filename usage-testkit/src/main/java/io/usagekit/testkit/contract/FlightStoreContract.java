package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Claim;
import io.usagekit.FlightStore.Publication;
import io.usagekit.FlightStore.Registration;
import io.usagekit.FlightStore.Terms;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What a {@link FlightStore} promises. Extend it, and give it two stores and a cache over the same data, as two processes have,
 * and a way to let time pass for them. Times are tens of seconds apart, so that a slow machine doesn't matter.
 *
 * @since 0.1
 */
public abstract class FlightStoreContract {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey("org-123", MARCH);
    private static final Duration LEASE = Duration.ofSeconds(30);
    private static final Duration TIME_TO_LIVE = Duration.ofMinutes(2);
    private static final Duration BACK_OFF = Duration.ofSeconds(20);
    private static final Duration ANY_AGE = Duration.ofDays(365);

    private FlightStore here;
    private FlightStore there;
    private UsageCache cache;

    /** For subclasses. */
    protected FlightStoreContract() {}

    /** A store with nothing in it, opened for one test; closed after it. */
    protected abstract FlightStore openStore();

    /** Another on the same data, as another process has it; opened after the first, closed before it. */
    protected abstract FlightStore openSecondStore();

    /** A cache on the same data; opened after the first store, closed before it. */
    protected abstract UsageCache openCache();

    /** Lets this much time pass for all of them: on their own clock, or by asking the server to. */
    protected abstract void elapse(Duration duration);

    @BeforeEach
    final void open() {
        here = openStore();
        there = openSecondStore();
        cache = openCache();
    }

    @AfterEach
    final void close() {
        cache.close();
        there.close();
        here.close();
    }

    // Claims

    @Test
    final void theFirstWhoAsksIsGrantedTheLeaseAndTheOthersAreToldOfIt() {
        long fence = granted(here, "a");

        Claim.Held held = assertInstanceOf(Claim.Held.class, claim(there, "b"));

        assertEquals(fence, held.fence());
        assertAbout(LEASE, held.remaining());
        assertInstanceOf(Claim.Held.class, claim(here, "c"), "whoever asks");
    }

    @Test
    final void keysDoNotShareLeases() {
        granted(here, "a");
        UsagePeriod almostMarch = UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1_000));
        for (UsageKey other : List.of(new UsageKey("org-124", MARCH), new UsageKey("org-123", almostMarch))) {
            assertInstanceOf(Claim.Granted.class, claim(there, other, "b"), other::toString);
        }
        UsageKey sameWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        assertInstanceOf(Claim.Held.class, claim(there, sameWindow, "b"), "the window counts, not its label");
    }

    @Test
    final void whoAsksAgainWithTheSameTokenHasTheSameLeaseForItsWholeLength() {
        long fence = granted(here, "a");
        elapse(Duration.ofSeconds(20));

        assertEquals(fence, granted(here, "a"));

        elapse(Duration.ofSeconds(15));
        assertEquals(
                fence, assertInstanceOf(Claim.Held.class, claim(there, "b")).fence());
        assertStored(publish(here, "a", fence, figure(1)));
    }

    @Test
    final void aLeaseRunsOutUnlessRenewed() {
        long first = granted(here, "a");
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Claim.Held.class, claim(there, "b"));
        assertTrue(await(here.renew(KEY, "a", LEASE)));
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Claim.Held.class, claim(there, "b"), "renewed 20 s ago");
        elapse(Duration.ofSeconds(10));

        assertTrue(granted(there, "b") > first, "a later fence is greater");
    }

    @Test
    final void aRenewedLeaseMayAlsoBeShortened() {
        granted(here, "a");
        assertTrue(await(here.renew(KEY, "a", Duration.ofSeconds(10))));
        elapse(Duration.ofSeconds(10));
        granted(there, "b");
    }

    @Test
    final void aFigureIsFoundIfItIsYoungerThanAcceptable() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 7), Duration.ofSeconds(20)), TIME_TO_LIVE));
        elapse(Duration.ofSeconds(20));

        Claim.Found found = assertInstanceOf(Claim.Found.class, claim(here, "a", Duration.ofSeconds(70)));

        assertEquals(usage(KEY, 7), found.figure().usage());
        assertAbout(Duration.ofSeconds(40), found.figure().age());
        assertInstanceOf(Claim.Granted.class, claim(here, "a", Duration.ofSeconds(40)), "as old as that isn't younger");
        assertInstanceOf(Claim.Granted.class, claim(here, "a", Duration.ZERO), "zero: none");
        assertInstanceOf(Claim.Found.class, claim(there, "b", ANY_AGE), "whoever holds the lease");
        assertInstanceOf(
                Claim.Found.class, claim(there, "b", Duration.ofSeconds(Long.MAX_VALUE)), "the longest age there is");
        assertInstanceOf(Claim.Held.class, claim(there, "b", Duration.ZERO));
    }

    @Test
    final void aFigureBornNowIsNotYoungerThanZeroButThanAMillisecondOrSo() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 7), Duration.ZERO), TIME_TO_LIVE));
        assertInstanceOf(Claim.Granted.class, claim(here, "a", Duration.ZERO));
        assertInstanceOf(Claim.Found.class, claim(here, "a", Duration.ofSeconds(10)));
    }

    @Test
    final void whatIsFoundCarriesTheLabelThatItWasAskedWith() {
        await(cache.put(KEY, figure(7), TIME_TO_LIVE));
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        Claim.Found found = assertInstanceOf(
                Claim.Found.class, await(here.claim(asWindow, terms("a", ANY_AGE, OptionalLong.empty()))));
        assertEquals(asWindow.period().label(), found.figure().usage().period().label());
    }

    @Test
    final void aFigureThatHasOutlivedItsTimeIsNotFound() {
        await(cache.put(KEY, figure(7), Duration.ofSeconds(20)));
        elapse(Duration.ofSeconds(20));
        assertInstanceOf(Claim.Granted.class, claim(here, "a", ANY_AGE));
    }

    @Test
    final void whoFollowedAFlightFindsItsFigureOrALaterOneWhateverItsAge() {
        long first = granted(here, "a");
        assertInstanceOf(Claim.Held.class, claimFollowing(there, "b", first), "nothing is stored yet");
        AgedUsage old = new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50));
        assertStored(publish(here, "a", first, old));

        assertFound(1, claimFollowing(there, "b", first));

        long second = granted(here, "c");
        assertInstanceOf(Claim.Held.class, claimFollowing(there, "b", second), "that of an earlier flight won't do");
        assertFound(1, claimFollowing(there, "b", first));
        assertStored(publish(here, "c", second, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(40))));
        assertFound(2, claimFollowing(there, "b", first));
        assertFound(2, claimFollowing(there, "b", second));
        assertInstanceOf(Claim.Granted.class, claimFollowing(there, "b", second + 1));
    }

    @Test
    final void whatWasFollowedIsNotFoundOnceItIsInvalidated() {
        long fence = granted(here, "a");
        assertStored(publish(here, "a", fence, figure(1)));
        await(there.invalidate(KEY));
        assertInstanceOf(Claim.Granted.class, claimFollowing(there, "b", fence));
        await(cache.put(KEY, figure(2), TIME_TO_LIVE));
        assertInstanceOf(
                Claim.Held.class, claimFollowing(here, "c", fence), "what was put since is no flight's figure");
    }

    @Test
    final void manyThreadsOfTwoProcessesRaceAndExactlyOneIsGranted() throws Exception {
        ExecutorService threads = Executors.newCachedThreadPool();
        try {
            for (int round = 0; round < 20; round++) {
                UsageKey key = new UsageKey("org-" + round, MARCH);
                assertOneIsGranted(key, race(threads, key));
            }
        } finally {
            threads.shutdownNow();
        }
    }

    private List<Claim> race(ExecutorService threads, UsageKey key) throws Exception {
        int racers = 16;
        CyclicBarrier start = new CyclicBarrier(racers);
        List<Future<Claim>> claims = new ArrayList<>();
        for (int i = 0; i < racers; i++) {
            FlightStore store = i % 2 == 0 ? here : there;
            String token = "racer-" + i;
            claims.add(threads.submit(() -> {
                start.await();
                return claim(store, key, token);
            }));
        }
        List<Claim> answers = new ArrayList<>();
        for (Future<Claim> claim : claims) {
            answers.add(claim.get(30, TimeUnit.SECONDS));
        }
        return answers;
    }

    private static void assertOneIsGranted(UsageKey key, List<Claim> claims) {
        Set<Long> fences = new HashSet<>();
        int granted = 0;
        for (Claim claim : claims) {
            if (claim instanceof Claim.Granted one) {
                granted++;
                fences.add(one.fence());
            } else {
                fences.add(assertInstanceOf(Claim.Held.class, claim).fence());
            }
        }
        assertEquals(1, granted, () -> "granted for " + key + ": " + claims);
        assertEquals(1, fences.size(), () -> "fences for " + key + ": " + claims);
    }

    // Fences

    @Test
    final void fencesGrowWhateverEndsALease() {
        long last = granted(here, "published");
        assertStored(publish(here, "published", last, figure(1)));
        last = assertGreater(last, "released");
        await(here.release(KEY, "released"));
        last = assertGreater(last, "failed");
        await(here.fail(KEY, "failed", "no database", BACK_OFF));
        elapse(BACK_OFF);
        last = assertGreater(last, "run out");
        elapse(LEASE);
        last = assertGreater(last, "invalidated");
        await(here.invalidate(KEY));
        last = assertGreater(last, "invalidated with the organisation");
        await(here.invalidate(KEY.organisationId()));
        last = assertGreater(last, "invalidated in the cache");
        await(cache.invalidate(KEY));
        assertGreater(last, "the last one");
    }

    private long assertGreater(long last, String token) {
        long fence = granted(there, token);
        assertTrue(fence > last, () -> "the fence of " + token + " is greater than " + last + ", but was " + fence);
        return fence;
    }

    // Publications

    @Test
    final void whatIsPublishedIsStoredAndTheLeaseGivenBack() {
        long fence = granted(here, "a");
        assertStored(publish(here, "a", fence, new AgedUsage(usage(KEY, 7), Duration.ofSeconds(5))));

        AgedUsage kept = await(cache.get(KEY)).orElseThrow();
        assertEquals(usage(KEY, 7), kept.usage());
        assertAbout(Duration.ofSeconds(5), kept.age());
        granted(there, "b");
        elapse(TIME_TO_LIVE.minusSeconds(20));
        assertTrue(await(cache.get(KEY)).isPresent(), "20 s before its time is over");
        elapse(Duration.ofSeconds(20));
        assertEquals(Optional.empty(), await(cache.get(KEY)), "when its time is over");
    }

    @Test
    final void aFigureReplacesAnOlderOne() {
        await(cache.put(KEY, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50)), TIME_TO_LIVE));
        long fence = granted(here, "a");
        assertStored(publish(here, "a", fence, figure(2)));
        assertKept(2);
    }

    @Test
    final void aFigureIsStoredAlsoWhereTheLeaseHasRunOutMeanwhile() {
        long fence = granted(here, "a");
        elapse(LEASE);
        assertStored(publish(here, "a", fence, figure(1)));
        assertKept(1);
    }

    @Test
    final void whoHasLostTheLeaseToAFlightUnderWayIsOutrun() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");

        assertEquals(new Publication.Outrun(second), publish(here, "a", first, figure(1)));

        assertEquals(Optional.empty(), await(cache.get(KEY)), "nothing is stored");
        assertEquals(
                second, assertInstanceOf(Claim.Held.class, claim(here, "c")).fence(), "the other's lease stays");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void whoHasLostTheLeaseToAFlightThatFailedIsOutrunToo() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        await(there.fail(KEY, "b", "no database", BACK_OFF));
        assertEquals(new Publication.Outrun(second), publish(here, "a", first, figure(1)));
        assertInstanceOf(Claim.Failed.class, claim(here, "c"));
    }

    @Test
    final void aFigureOfAnEarlierFlightDoesNotCountAsNewer() {
        assertStored(publish(here, "z", granted(here, "z"), new AgedUsage(usage(KEY, 1), Duration.ofSeconds(50))));
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        assertEquals(new Publication.Outrun(second), publish(here, "a", first, figure(2)));
        assertKept(1);
    }

    @Test
    final void whoHasLostTheLeaseToAFlightThatPublishedIsSuperseded() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        assertStored(publish(there, "b", second, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(30))));

        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertKept(2);

        long third = granted(there, "c");
        assertSuperseded(2, publish(here, "a", first, figure(1)));
        assertEquals(
                third, assertInstanceOf(Claim.Held.class, claim(here, "d")).fence(), "a third flight isn't disturbed");
    }

    @Test
    final void whatSupersedesCarriesTheLabelThatItWasAskedWith() {
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        long first = granted(here, "a");
        elapse(LEASE);
        assertStored(publish(there, "b", granted(there, "b"), figure(2)));
        Publication.Superseded superseded = assertInstanceOf(
                Publication.Superseded.class,
                await(here.publish(
                        asWindow, "a", first, new AgedUsage(usage(asWindow, 1), Duration.ZERO), TIME_TO_LIVE)));
        assertEquals(
                asWindow.period().label(), superseded.newer().usage().period().label());
    }

    @Test
    final void aYoungerFigureThatWasPutSupersedesOneThatMayNotBeStored() {
        long first = granted(here, "a");
        elapse(LEASE);
        long second = granted(there, "b");
        await(cache.put(KEY, new AgedUsage(usage(KEY, 3), Duration.ofSeconds(10)), TIME_TO_LIVE));
        assertSuperseded(3, publish(here, "a", first, new AgedUsage(usage(KEY, 1), Duration.ofSeconds(40))));
        assertEquals(
                new Publication.Outrun(second),
                publish(here, "a", first, figure(1)),
                "one that is older than what is published isn't newer");
        assertStored(publish(there, "b", second, figure(2)));
    }

    @Test
    final void aFenceThatWasNeverIssuedIsForgotten() {
        assertEquals(new Publication.Forgotten(), publish(here, "a", 7, figure(1)));
        assertEquals(Optional.empty(), await(cache.get(KEY)));
    }

    @Test
    final void aFigureOfAnotherKeyIsRejected() {
        AgedUsage other = new AgedUsage(usage(new UsageKey("org-124", MARCH), 1), Duration.ZERO);
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> here.publish(KEY, "a", 1, other, TIME_TO_LIVE));
        assertMentions("org-124", error);
    }

    @Test
    final void timesBelowAMillisecondAreRejected() {
        for (Duration tooShort : List.of(Duration.ofMillis(-1), Duration.ZERO, Duration.ofNanos(999_999))) {
            Terms terms = new Terms("a", tooShort, Duration.ZERO, OptionalLong.empty());
            assertRejected("lease", tooShort, () -> here.claim(KEY, terms));
            assertRejected("lease", tooShort, () -> here.renew(KEY, "a", tooShort));
            assertRejected("timeToLive", tooShort, () -> here.publish(KEY, "a", 1, figure(1), tooShort));
            assertRejected("backOff", tooShort, () -> here.fail(KEY, "a", "reason", tooShort));
        }
    }

    private static void assertRejected(String argument, Duration value, Runnable call) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, call::run);
        assertMentions(argument, error);
        assertMentions(value.toString(), error);
    }

    // Ends of a lease

    @Test
    final void onlyTheOwnerRenewsReleasesAndFails() {
        long fence = granted(here, "a");
        assertFalse(await(there.renew(KEY, "b", Duration.ofHours(1))));
        await(there.release(KEY, "b"));
        await(there.fail(KEY, "b", "no database", BACK_OFF));

        Claim.Held held = assertInstanceOf(Claim.Held.class, claim(there, "c"));

        assertEquals(fence, held.fence());
        assertAbout(LEASE, held.remaining());
    }

    @Test
    final void whoHasLostTheLeaseIsItsOwnerNoMore() {
        granted(here, "a");
        elapse(LEASE);
        assertFalse(await(here.renew(KEY, "a", LEASE)), "run out");
        long second = granted(there, "b");
        assertFalse(await(here.renew(KEY, "a", LEASE)), "another's");
        await(here.release(KEY, "a"));
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        assertEquals(
                second, assertInstanceOf(Claim.Held.class, claim(here, "c")).fence());
    }

    @Test
    final void withoutALeaseThereIsNothingToEnd() {
        assertFalse(await(here.renew(KEY, "a", LEASE)));
        await(here.release(KEY, "a"));
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        granted(there, "b");
    }

    @Test
    final void aReleasedLeaseIsFree() {
        granted(here, "a");
        await(here.release(KEY, "a"));
        granted(there, "b");
    }

    @Test
    final void aFailureIsToldToAllUntilItsBackOffIsOver() {
        long fence = granted(here, "a");
        await(here.fail(KEY, "a", "no database\n\"here\" é😀", BACK_OFF));

        Claim.Failed failed = assertInstanceOf(Claim.Failed.class, claim(there, "b"));

        assertEquals(fence, failed.fence());
        assertEquals("no database\n\"here\" é😀", failed.reason());
        assertAbout(BACK_OFF, failed.remaining());
        assertInstanceOf(Claim.Failed.class, claim(here, "a"), "also to the one that failed");
        assertFalse(await(here.renew(KEY, "a", LEASE)), "its lease is gone");
        elapse(BACK_OFF);
        granted(there, "b");
    }

    @Test
    final void aFigureThatMeetsTheTermsIsFoundInSpiteOfAFailure() {
        granted(here, "a");
        await(here.fail(KEY, "a", "no database", BACK_OFF));
        await(cache.put(KEY, figure(1), TIME_TO_LIVE));
        assertFound(1, claim(there, "b", ANY_AGE));
        assertInstanceOf(Claim.Failed.class, claim(there, "b"));
    }

    @Test
    final void ofALongReasonTheBeginningIsKept() {
        granted(here, "a");
        String reason = "why ".repeat(100);
        await(here.fail(KEY, "a", reason, BACK_OFF));
        assertEquals(
                reason.substring(0, 200),
                assertInstanceOf(Claim.Failed.class, claim(there, "b")).reason());
    }

    @Test
    final void anEmptyReasonIsAReasonToo() {
        granted(here, "a");
        await(here.fail(KEY, "a", "", BACK_OFF));
        assertEquals("", assertInstanceOf(Claim.Failed.class, claim(there, "b")).reason());
    }

    // Invalidation

    @Test
    final void invalidatingAKeyForgetsItsFigureItsLeaseAndItsFailure() {
        for (Invalidation invalidation : invalidations(KEY)) {
            long fence = granted(here, "a");
            assertStored(publish(here, "a", fence, figure(1)));
            granted(here, "b");
            await(invalidation.run());
            assertEquals(Optional.empty(), await(cache.get(KEY)), invalidation.name());
            granted(there, "c");
            await(there.fail(KEY, "c", "no database", BACK_OFF));
            await(invalidation.run());
            granted(there, "d");
            await(there.release(KEY, "d"));
        }
    }

    @Test
    final void invalidatingBeatsAFlightUnderWay() {
        for (Invalidation invalidation : invalidations(KEY)) {
            long fence = granted(here, "a");
            await(invalidation.run());

            assertFalse(await(here.renew(KEY, "a", LEASE)), invalidation.name());
            assertEquals(new Publication.Forgotten(), publish(here, "a", fence, figure(1)), invalidation.name());
            assertEquals(Optional.empty(), await(cache.get(KEY)), invalidation.name());

            long next = granted(there, "b");
            assertEquals(
                    new Publication.Forgotten(),
                    publish(here, "a", fence, figure(1)),
                    () -> "beside the next flight, after " + invalidation.name());
            assertStored(publish(there, "b", next, new AgedUsage(usage(KEY, 2), Duration.ofSeconds(10))));
            assertSuperseded(2, publish(here, "a", fence, figure(1)));
            await(here.invalidate(KEY));
        }
    }

    @Test
    final void invalidatingBeatsAFlightWhoseLeaseHadRunOut() {
        long fence = granted(here, "a");
        elapse(LEASE);
        await(there.invalidate(KEY));
        assertEquals(new Publication.Forgotten(), publish(here, "a", fence, figure(1)));
    }

    @Test
    final void invalidatingWhatIsNotThereIsHarmless() {
        for (Invalidation invalidation : invalidations(KEY)) {
            await(invalidation.run());
            await(invalidation.run());
        }
        granted(here, "a");
    }

    @Test
    final void invalidatingAKeyLeavesOthersAlone() {
        UsageKey april = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        long fence =
                assertInstanceOf(Claim.Granted.class, claim(here, april, "a")).fence();
        await(there.invalidate(KEY));
        assertStored(
                await(here.publish(april, "a", fence, new AgedUsage(usage(april, 1), Duration.ZERO), TIME_TO_LIVE)));
    }

    @Test
    final void invalidatingAnOrganisationBeatsAllItsFlightsAndForgetsAllItsFigures() {
        List<UsageKey> keys = new ArrayList<>();
        for (int day = 1; day <= 28; day++) {
            keys.add(new UsageKey("org-123", UsagePeriod.day(LocalDate.of(2026, 3, day))));
        }
        for (int times = 0; times < 2; times++) {
            List<Long> fences = new ArrayList<>();
            for (UsageKey key : keys) {
                long published = grantedOf(here, key, "p");
                assertStored(await(here.publish(key, "p", published, aged(key, 1), TIME_TO_LIVE)));
                fences.add(grantedOf(here, key, "a"));
            }

            await(there.invalidate("org-123"));

            for (int i = 0; i < keys.size(); i++) {
                UsageKey key = keys.get(i);
                assertEquals(Optional.empty(), await(cache.get(key)), key::toString);
                assertEquals(
                        new Publication.Forgotten(),
                        await(here.publish(key, "a", fences.get(i), aged(key, 1), TIME_TO_LIVE)),
                        key::toString);
            }
        }
    }

    @Test
    final void anOrganisationIsInvalidatedHoweverLongAFlightLastsOrItsFigureLives() {
        long fence = granted(here, "a");
        for (int times = 0; times < 50; times++) {
            elapse(Duration.ofSeconds(20));
            assertTrue(await(here.renew(KEY, "a", LEASE)), "renewed in time");
        }
        await(there.invalidate("org-123"));
        assertEquals(new Publication.Forgotten(), publish(here, "a", fence, figure(1)));

        await(here.publish(KEY, "b", granted(here, "b"), figure(2), Duration.ofDays(1)));
        elapse(Duration.ofHours(23));
        await(there.invalidate("org-123"));
        assertEquals(Optional.empty(), await(cache.get(KEY)));
    }

    @Test
    final void invalidatingAnOrganisationLeavesOthersAlone() {
        List<String> ids = UsageCacheContract.oddIds();
        for (String id : ids) {
            UsageKey key = new UsageKey(id, MARCH);
            assertStored(await(here.publish(key, "p", grantedOf(here, key, "p"), aged(key, 1), TIME_TO_LIVE)));
        }
        Set<String> left = new HashSet<>(ids);
        for (String id : ids) {
            long fence = grantedOf(here, new UsageKey(id, MARCH), "a");
            await(there.invalidate(id));
            left.remove(id);
            UsageKey key = new UsageKey(id, MARCH);
            assertEquals(
                    new Publication.Forgotten(), await(here.publish(key, "a", fence, aged(key, 1), TIME_TO_LIVE)), id);
            for (String other : ids) {
                assertEquals(
                        left.contains(other),
                        await(cache.get(new UsageKey(other, MARCH))).isPresent(),
                        () -> "after " + id + " the figure of " + other);
            }
        }
    }

    /** One way to invalidate a key. */
    private record Invalidation(String name, Supplier<CompletionStage<Void>> call) {
        CompletionStage<Void> run() {
            return call.get();
        }
    }

    private List<Invalidation> invalidations(UsageKey key) {
        return List.of(
                new Invalidation("store, key", () -> there.invalidate(key)),
                new Invalidation("store, organisation", () -> there.invalidate(key.organisationId())),
                new Invalidation("cache, key", () -> cache.invalidate(key)),
                new Invalidation("cache, organisation", () -> cache.invalidate(key.organisationId())));
    }

    // Wake-ups

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void whoWaitsIsWokenInEveryProcessByWhateverEndsALease() {
        Semaphore wokenHere = new Semaphore(0);
        Semaphore wokenThere = new Semaphore(0);
        try (Registration first = here.onWakeUp(KEY, wokenHere::release);
                Registration second = there.onWakeUp(KEY, wokenThere::release)) {
            long fence = granted(here, "a");
            assertStored(publish(here, "a", fence, figure(1)));
            assertWoken("published", wokenHere, wokenThere);
            granted(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("released", wokenHere, wokenThere);
            granted(here, "c");
            await(here.fail(KEY, "c", "no database", Duration.ofSeconds(1)));
            assertWoken("failed", wokenHere, wokenThere);
            for (Invalidation invalidation : invalidations(KEY)) {
                await(cache.put(KEY, figure(1), TIME_TO_LIVE));
                await(invalidation.run());
                assertWoken(invalidation.name(), wokenHere, wokenThere);
            }
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void nothingElseWakes() {
        UsageKey other = new UsageKey("org-124", MARCH);
        Semaphore woken = new Semaphore(0);
        Semaphore control = new Semaphore(0);
        try (Registration waits = there.onWakeUp(KEY, woken::release);
                Registration controls = there.onWakeUp(other, control::release)) {
            long fence = granted(here, "a");
            claim(here, "b");
            await(here.renew(KEY, "a", LEASE));
            await(here.release(KEY, "b"));
            await(here.fail(KEY, "b", "no database", BACK_OFF));
            elapse(LEASE);
            long second = granted(here, "c");
            publish(here, "a", fence, figure(1));
            assertTrue(second > fence);
            grantedOf(here, other, "a");
            await(here.release(other, "a"));
            assertWoken("the other key", control);
            assertEquals(0, woken.availablePermits(), "wake-ups without a reason");
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void afterTheRegistrationIsClosedNobodyIsWoken() {
        Semaphore closed = new Semaphore(0);
        Semaphore open = new Semaphore(0);
        Registration first = there.onWakeUp(KEY, closed::release);
        try (Registration second = there.onWakeUp(KEY, open::release)) {
            granted(here, "a");
            await(here.release(KEY, "a"));
            assertWoken("both", closed, open);

            first.close();
            first.close();

            granted(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("the one that is left", open);
            assertEquals(0, closed.availablePermits());
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void aRegistrationIsItsOwnAlsoIfItsActionIsAnothers() {
        Semaphore woken = new Semaphore(0);
        Runnable action = woken::release;
        try (Registration first = there.onWakeUp(KEY, action)) {
            Registration second = there.onWakeUp(KEY, action);
            granted(here, "a");
            await(here.release(KEY, "a"));
            assertWoken("twice", woken, woken);
            second.close();
            granted(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("the one that is left", woken);
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void whatIsWokenMayAskTheStore() {
        Semaphore woken = new Semaphore(0);
        try (Registration waits = there.onWakeUp(KEY, () -> {
            var unused =
                    there.claim(KEY, terms("b", ANY_AGE, OptionalLong.empty())).thenAccept(claim -> woken.release());
        })) {
            assertStored(publish(here, "a", granted(here, "a"), figure(1)));
            assertWoken("and answered", woken);
        }
    }

    @Test
    final void closingTwiceIsHarmless() {
        here.close();
        here.close();
    }

    // Any order

    /** Random calls by two processes, each answer compared with a simple model's. */
    @Test
    final void inAnyOrderEachAnswerIsThatOfTheModel() {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("FlightStoreContract seed " + seed);
        Random random = new Random(seed);
        for (int schedule = 0; schedule < 12; schedule++) {
            String organisation = "org-" + schedule;
            List<FlightModel> models = List.of(
                    new FlightModel(new UsageKey(organisation, MARCH)),
                    new FlightModel(new UsageKey(organisation, UsagePeriod.month(YearMonth.of(2026, 4)))));
            List<String> history = new ArrayList<>();
            try {
                for (int step = 0; step < 60; step++) {
                    step(random, models, history);
                }
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed + ":\n" + String.join("\n", history), e);
            }
        }
    }

    private void step(Random random, List<FlightModel> models, List<String> history) {
        FlightModel model = models.get(random.nextInt(models.size()));
        UsageKey key = model.key();
        FlightStore store = random.nextBoolean() ? here : there;
        String token = "token-" + random.nextInt(3);
        switch (random.nextInt(12)) {
            case 0, 1, 2, 3 -> {
                Terms terms = new Terms(
                        token,
                        Duration.ofSeconds(30),
                        Duration.ofSeconds(random.nextInt(4) * 20L + 10).minusSeconds(random.nextBoolean() ? 0 : 10),
                        random.nextInt(3) == 0 ? OptionalLong.of(model.someFence(random)) : OptionalLong.empty());
                history.add(key.period() + " claim " + terms);
                // Ages are multiples of 20 s and some, acceptable ones lie 10 s beside: zero is none.
                Terms apart = terms.acceptableAge().toSeconds() % 20 == 10
                        ? terms
                        : new Terms(token, terms.lease(), Duration.ZERO, terms.followed());
                model.checkClaim(apart, await(store.claim(key, apart)));
            }
            case 4, 5, 6 -> {
                long fence = model.someFence(random);
                AgedUsage figure = new AgedUsage(
                        usage(key, random.nextInt(1000)), Duration.ofSeconds(random.nextInt(3) * 20L + 5));
                history.add(key.period() + " publish " + fence + " " + token + " " + figure);
                model.checkPublication(
                        token,
                        fence,
                        figure,
                        Duration.ofSeconds(70),
                        await(store.publish(key, token, fence, figure, Duration.ofSeconds(70))));
            }
            case 7 -> {
                history.add(key.period() + " renew " + token);
                assertEquals(
                        model.renew(token, Duration.ofSeconds(50)),
                        await(store.renew(key, token, Duration.ofSeconds(50))));
            }
            case 8 -> {
                history.add(key.period() + " release or fail " + token);
                if (random.nextBoolean()) {
                    await(store.release(key, token));
                    model.release(token);
                } else {
                    await(store.fail(key, token, "reason " + token, Duration.ofSeconds(30)));
                    model.fail(token, "reason " + token, Duration.ofSeconds(30));
                }
            }
            case 9 -> {
                history.add(key.period() + " invalidate");
                if (random.nextBoolean()) {
                    await(random.nextBoolean() ? store.invalidate(key) : cache.invalidate(key));
                    model.invalidate();
                } else {
                    history.add("and with it all of the organisation");
                    await(store.invalidate(key.organisationId()));
                    models.forEach(FlightModel::invalidate);
                }
            }
            default -> {
                history.add("20 s");
                elapse(Duration.ofSeconds(20));
                models.forEach(one -> one.elapse(Duration.ofSeconds(20)));
            }
        }
    }

    // What the tests are written in

    private static Terms terms(String token, Duration acceptableAge, OptionalLong followed) {
        return new Terms(token, LEASE, acceptableAge, followed);
    }

    private static Claim claim(FlightStore store, String token) {
        return claim(store, KEY, token);
    }

    private static Claim claim(FlightStore store, UsageKey key, String token) {
        return await(store.claim(key, terms(token, Duration.ZERO, OptionalLong.empty())));
    }

    private static Claim claim(FlightStore store, String token, Duration acceptableAge) {
        return await(store.claim(KEY, terms(token, acceptableAge, OptionalLong.empty())));
    }

    private static Claim claimFollowing(FlightStore store, String token, long fence) {
        return await(store.claim(KEY, terms(token, Duration.ZERO, OptionalLong.of(fence))));
    }

    private static long granted(FlightStore store, String token) {
        return grantedOf(store, KEY, token);
    }

    private static long grantedOf(FlightStore store, UsageKey key, String token) {
        return assertInstanceOf(Claim.Granted.class, claim(store, key, token)).fence();
    }

    private static Publication publish(FlightStore store, String token, long fence, AgedUsage figure) {
        return await(store.publish(KEY, token, fence, figure, TIME_TO_LIVE));
    }

    private static void assertStored(Publication publication) {
        assertEquals(new Publication.Stored(), publication);
    }

    private static void assertSuperseded(long volume, Publication publication) {
        assertEquals(
                usage(KEY, volume),
                assertInstanceOf(Publication.Superseded.class, publication)
                        .newer()
                        .usage());
    }

    private static void assertFound(long volume, Claim claim) {
        assertEquals(
                usage(KEY, volume),
                assertInstanceOf(Claim.Found.class, claim).figure().usage());
    }

    private void assertKept(long volume) {
        assertEquals(usage(KEY, volume), await(cache.get(KEY)).orElseThrow().usage());
    }

    private static void assertWoken(String why, Semaphore... all) {
        for (Semaphore woken : all) {
            try {
                assertTrue(woken.tryAcquire(10, TimeUnit.SECONDS), () -> "woken: " + why);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** A figure that is just being computed. */
    private static AgedUsage figure(long volume) {
        return aged(KEY, volume);
    }

    private static AgedUsage aged(UsageKey key, long volume) {
        return new AgedUsage(usage(key, volume), Duration.ZERO);
    }

    private static OrganisationUsage usage(UsageKey key, long volume) {
        return new OrganisationUsage(
                key,
                new UsageMetrics(volume, volume * 10),
                UsageMetrics.ZERO,
                Instant.parse("2026-03-17T01:28:00.123456Z"));
    }

    /** The time that the test itself took makes ages more, and what is left less. */
    private static void assertAbout(Duration expected, Duration actual) {
        Duration off = actual.minus(expected).abs();
        assertTrue(off.compareTo(Duration.ofSeconds(9)) < 0, () -> "about " + expected + ", but was " + actual);
    }

    private static void assertMentions(String word, Exception error) {
        assertTrue(error.toString().contains(word), () -> "the message names " + word + ", but was: " + error);
    }

    private static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("the store didn't answer: " + e, e);
        }
    }
}
