package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * Two stores and a cache over the same data, as two processes have, and what the contract's parts are written in. A part extends the
 * one before it, so that a subclass of the contract runs them all.
 */
abstract class FlightStoreFixture {

    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final UsageKey KEY = new UsageKey("org-123", MARCH);
    static final Duration LEASE = Duration.ofSeconds(30);
    static final Duration TIME_TO_LIVE = Duration.ofMinutes(2);
    static final Duration BACK_OFF = Duration.ofSeconds(20);
    static final Duration ANY_AGE = Duration.ofDays(365);

    FlightStore here;
    FlightStore there;
    UsageCache cache;

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

    // What the tests are written in

    static LeaseRequest request(String token, Duration acceptableAge, OptionalLong followed) {
        return new LeaseRequest(token, LEASE, acceptableAge, followed);
    }

    static Acquisition acquire(FlightStore store, String token) {
        return acquire(store, KEY, token);
    }

    static Acquisition acquire(FlightStore store, UsageKey key, String token) {
        return await(store.acquire(key, request(token, Duration.ZERO, OptionalLong.empty())));
    }

    static Acquisition acquire(FlightStore store, String token, Duration acceptableAge) {
        return await(store.acquire(KEY, request(token, acceptableAge, OptionalLong.empty())));
    }

    static Acquisition acquireFollowing(FlightStore store, String token, long fence) {
        return await(store.acquire(KEY, request(token, Duration.ZERO, OptionalLong.of(fence))));
    }

    static long granted(FlightStore store, String token) {
        return grantedOf(store, KEY, token);
    }

    static long grantedOf(FlightStore store, UsageKey key, String token) {
        return assertInstanceOf(Acquisition.Acquired.class, acquire(store, key, token))
                .fence();
    }

    static Publication publish(FlightStore store, String token, long fence, AgedUsage figure) {
        return await(store.publish(KEY, token, fence, figure, TIME_TO_LIVE));
    }

    static void assertStored(Publication publication) {
        assertEquals(new Publication.Stored(), publication);
    }

    static void assertSuperseded(long volume, Publication publication) {
        assertEquals(
                usage(KEY, volume),
                assertInstanceOf(Publication.Superseded.class, publication)
                        .newer()
                        .usage());
    }

    static void assertFound(long volume, Acquisition acquisition) {
        assertEquals(
                usage(KEY, volume),
                assertInstanceOf(Acquisition.Found.class, acquisition).figure().usage());
    }

    final void assertKept(long volume) {
        assertEquals(usage(KEY, volume), await(cache.get(KEY)).orElseThrow().usage());
    }

    static void assertWoken(String why, Semaphore... all) {
        for (Semaphore woken : all) {
            try {
                assertTrue(woken.tryAcquire(10, TimeUnit.SECONDS), () -> "woken: " + why);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** A figure that is just being computed. */
    static AgedUsage figure(long volume) {
        return aged(KEY, volume);
    }

    static AgedUsage aged(UsageKey key, long volume) {
        return new AgedUsage(usage(key, volume), Duration.ZERO);
    }

    static OrganisationUsage usage(UsageKey key, long volume) {
        return new OrganisationUsage(
                key,
                new UsageMetrics(volume, volume * 10),
                UsageMetrics.ZERO,
                Instant.parse("2026-03-17T01:28:00.123456Z"));
    }

    /** The time that the test itself took makes ages more, and what is left less. */
    static void assertAbout(Duration expected, Duration actual) {
        Duration off = actual.minus(expected).abs();
        assertTrue(off.compareTo(Duration.ofSeconds(9)) < 0, () -> "about " + expected + ", but was " + actual);
    }

    static void assertMentions(String word, Exception error) {
        assertTrue(error.toString().contains(word), () -> "the message names " + word + ", but was: " + error);
    }

    static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("the store didn't answer: " + e, e);
        }
    }
}
