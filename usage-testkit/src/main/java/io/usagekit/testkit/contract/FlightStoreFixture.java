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
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Fixture of one topic of the contract: two stores and a cache over the same data, as two processes have them. */
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

    private final FlightStoreContract contract;

    FlightStoreFixture(FlightStoreContract contract) {
        this.contract = contract;
    }

    @BeforeEach
    final void open() {
        here = contract.openStore();
        there = contract.openSecondStore();
        cache = contract.openCache();
    }

    @AfterEach
    final void close() {
        cache.close();
        there.close();
        here.close();
    }

    final void elapse(Duration duration) {
        contract.elapse(duration);
    }

    final Duration patience() {
        return contract.patience();
    }

    /** One way to invalidate a key. */
    record Invalidation(String name, Supplier<CompletionStage<Void>> call) {
        CompletionStage<Void> run() {
            return call.get();
        }
    }

    /** All ways to invalidate a key. */
    final List<Invalidation> invalidations(UsageKey key) {
        return List.of(
                new Invalidation("store, key", () -> there.invalidate(key)),
                new Invalidation("store, organisation", () -> there.invalidate(key.organisationId())),
                new Invalidation("cache, key", () -> cache.invalidate(key)),
                new Invalidation("cache, organisation", () -> cache.invalidate(key.organisationId())));
    }

    static LeaseRequest request(String token, Duration acceptableAge, OptionalLong awaitedFence) {
        return new LeaseRequest(token, LEASE, acceptableAge, awaitedFence);
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

    static Acquisition acquireAwaiting(FlightStore store, String token, long fence) {
        return await(store.acquire(KEY, request(token, Duration.ZERO, OptionalLong.of(fence))));
    }

    /** Acquires the lease; returns its fence. */
    static long acquired(FlightStore store, String token) {
        return acquiredOf(store, KEY, token);
    }

    static long acquiredOf(FlightStore store, UsageKey key, String token) {
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

    final void assertStoredFigure(long volume) {
        assertEquals(usage(KEY, volume), await(cache.get(KEY)).orElseThrow().usage());
    }

    final void assertWoken(String why, Semaphore... all) {
        for (Semaphore woken : all) {
            try {
                assertTrue(woken.tryAcquire(patience().toMillis(), TimeUnit.MILLISECONDS), () -> "woken: " + why);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** A figure computed just now. */
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

    /** Asserts a duration approximately: the test's own time increases ages and reduces remaining times. */
    static void assertAbout(Duration expected, Duration actual) {
        Duration off = actual.minus(expected).abs();
        assertTrue(off.compareTo(Duration.ofSeconds(9)) < 0, () -> "about " + expected + ", but was " + actual);
    }

    static void assertMentions(String word, Exception error) {
        assertTrue(error.toString().contains(word), () -> "the message contains " + word + ", but was: " + error);
    }

    static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(30, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("the store didn't answer: " + e, e);
        }
    }
}
