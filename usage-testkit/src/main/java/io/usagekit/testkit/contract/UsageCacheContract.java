package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.internal.UnusualKeys;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/**
 * Contract of {@link UsageCache}: test cases that each implementation passes. A test class of the implementation extends this class
 * and provides an empty cache and a way to let time pass for it.
 *
 * @since 0.1
 */
public abstract class UsageCacheContract {

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00.123456Z");

    private UsageCache cache;

    /** For subclasses. */
    protected UsageCacheContract() {}

    /** Returns an empty cache for one test case, which closes it. */
    protected abstract UsageCache openCache();

    /** Lets this much time pass for the cache: on its own clock, or by changing the server's data. */
    protected abstract void elapse(Duration duration);

    /**
     * Returns how many entries the cache holds, in this process's memory and in its store, those included that have expired but not been
     * removed yet; empty if that can't be told, and then the case that expired figures are removed is skipped.
     */
    protected abstract OptionalLong heldEntries();

    /** Returns how many figures the cache is sure to hold at once; unlimited unless overridden; at least 1,000. */
    protected int capacity() {
        return Integer.MAX_VALUE;
    }

    /** Returns how long a case waits for the cache's answer before the case fails. */
    protected Duration patience() {
        return Duration.ofSeconds(15);
    }

    @Nested
    final class Memory extends UsageCacheMemoryCases {
        Memory() {
            super(UsageCacheContract.this);
        }
    }

    @BeforeEach
    final void open() {
        cache = openCache();
    }

    @AfterEach
    final void close() {
        cache.close();
    }

    /** Returns the cache of this test case. */
    final UsageCache cache() {
        return cache;
    }

    @Test
    final void findsNothingThatWasNeverPut() {
        assertEquals(Optional.empty(), await(cache.get(new UsageKey("org-123", MARCH))));
    }

    @Test
    final void returnsFigureAndAgeAsPut() {
        AgedUsage entry = new AgedUsage(usage(new UsageKey("org-123", MARCH), 100), Duration.ofSeconds(7));
        await(cache.put(entry.usage().key(), entry, MINUTE));

        AgedUsage found = found(entry.usage().key());

        assertEquals(entry.usage(), found.usage());
        assertAge(Duration.ofSeconds(7), found.age());
    }

    @Test
    final void returnsExtremeFiguresAsPut() {
        UsageKey key = new UsageKey("org-123", MARCH);
        for (UsageMetrics metrics : List.of(UsageMetrics.ZERO, new UsageMetrics(Long.MAX_VALUE, Long.MAX_VALUE))) {
            for (Instant at : List.of(COMPUTED, Instant.EPOCH, Instant.parse("9999-12-31T23:59:59.999999Z"))) {
                OrganisationUsage usage = new OrganisationUsage(key, metrics, metrics, at, metrics.volume());
                await(cache.put(key, new AgedUsage(usage, Duration.ZERO), MINUTE));
                assertEquals(usage, found(key).usage());
            }
        }
    }

    @Test
    final void increasesAgeWithTime() {
        AgedUsage entry = new AgedUsage(usage(new UsageKey("org-123", MARCH), 100), Duration.ofSeconds(5));
        await(cache.put(entry.usage().key(), entry, MINUTE));
        elapse(Duration.ofSeconds(20));
        assertAge(Duration.ofSeconds(25), found(entry.usage().key()).age());
    }

    @Test
    final void findsNothingExpired() {
        AgedUsage entry = new AgedUsage(usage(new UsageKey("org-123", MARCH), 100), Duration.ZERO);
        await(cache.put(entry.usage().key(), entry, MINUTE));
        elapse(Duration.ofSeconds(50));
        assertTrue(await(cache.get(entry.usage().key())).isPresent(), "10 s before its expiry");
        elapse(Duration.ofSeconds(10));
        assertEquals(Optional.empty(), await(cache.get(entry.usage().key())), "at its expiry");
    }

    @Test
    final void replacesFigureAgeAndTimeToLive() {
        UsageKey key = new UsageKey("org-123", MARCH);
        await(cache.put(key, new AgedUsage(usage(key, 1), Duration.ofSeconds(30)), MINUTE));
        elapse(Duration.ofSeconds(30));
        await(cache.put(key, new AgedUsage(usage(key, 2), Duration.ZERO), MINUTE));
        elapse(Duration.ofSeconds(40));
        AgedUsage found = found(key);
        assertEquals(usage(key, 2), found.usage());
        assertAge(Duration.ofSeconds(40), found.age());
    }

    @Test
    final void replacesTimeToLiveByShorterOne() {
        UsageKey key = new UsageKey("org-123", MARCH);
        await(cache.put(key, new AgedUsage(usage(key, 1), Duration.ZERO), Duration.ofHours(1)));
        await(cache.put(key, new AgedUsage(usage(key, 2), Duration.ZERO), MINUTE));
        elapse(MINUTE);
        assertEquals(Optional.empty(), await(cache.get(key)), "the time to live of the last put counts");
    }

    @Test
    final void keepsOneEntryPerKey() {
        Map<UsageKey, OrganisationUsage> expected = new HashMap<>();
        long figure = 1;
        for (String organisation : UnusualKeys.organisationIds()) {
            for (UsagePeriod period : UnusualKeys.periods()) {
                UsageKey key = new UsageKey(organisation, period);
                OrganisationUsage usage = usage(key, figure++);
                expected.put(key, usage);
                await(cache.put(key, new AgedUsage(usage, Duration.ZERO), MINUTE));
            }
        }
        expected.forEach((key, usage) -> assertEquals(usage, found(key).usage(), () -> "the entry of " + key));
    }

    @Test
    final void sharesEntryOfPeriodsWithSameWindow() {
        UsageKey asMonth = new UsageKey("org-123", MARCH);
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        await(cache.put(asMonth, new AgedUsage(usage(asMonth, 7), Duration.ZERO), MINUTE));

        OrganisationUsage found = found(asWindow).usage();

        assertEquals(usage(asMonth, 7), found);
        assertEquals(asWindow.period().label(), found.period().label(), "the requested label");
    }

    @Test
    final void returnsSeveralFiguresAsOneByOne() {
        List<UsageKey> keys = new ArrayList<>();
        for (String organisation : List.of("org-123", "{org}", "org-124", "a b")) {
            for (UsagePeriod period : UnusualKeys.periods()) {
                UsageKey key = new UsageKey(organisation, period);
                keys.add(key);
                if (keys.size() % 3 != 0) {
                    await(cache.put(key, new AgedUsage(usage(key, keys.size()), Duration.ofSeconds(7)), MINUTE));
                }
            }
        }
        elapse(Duration.ofSeconds(20));
        Map<UsageKey, CompletionStage<Optional<AgedUsage>>> all = cache.getAll(keys);
        assertEquals(Set.copyOf(keys), all.keySet(), "a stage for each key");
        all.forEach((key, stage) -> {
            Optional<AgedUsage> found = await(stage);
            Optional<AgedUsage> alone = await(cache.get(key));
            assertEquals(alone.map(AgedUsage::usage), found.map(AgedUsage::usage), () -> "in a bulk read: " + key);
            found.ifPresent(figure -> {
                assertAge(Duration.ofSeconds(27), figure.age());
                assertEquals(key.period().label(), figure.usage().period().label(), "the requested label");
            });
        });
        assertEquals(Map.of(), cache.getAll(List.of()), "no keys");
    }

    @Test
    final void removesInvalidatedKeyOnly() {
        UsageKey key = new UsageKey("org-123", MARCH);
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        UsageKey other = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        await(cache.invalidate(key));
        for (UsageKey which : List.of(key, asWindow)) {
            await(cache.put(key, new AgedUsage(usage(key, 1), Duration.ZERO), MINUTE));
            await(cache.put(other, new AgedUsage(usage(other, 2), Duration.ZERO), MINUTE));

            await(cache.invalidate(which));

            assertEquals(Optional.empty(), await(cache.get(key)));
            assertEquals(usage(other, 2), found(other).usage(), "figure of another period");
        }
    }

    @Test
    final void removesAllPeriodsOfInvalidatedOrganisationOnly() {
        for (String organisation : UnusualKeys.organisationIds()) {
            putAllPeriods(organisation);
        }
        List<String> left = new ArrayList<>(UnusualKeys.organisationIds());
        for (String organisation : UnusualKeys.organisationIds()) {
            await(cache.invalidate(organisation));
            left.remove(organisation);
            assertAllPeriods(organisation, false);
            if (!left.isEmpty()) {
                assertAllPeriods(left.get(0), true);
            }
        }
        putAllPeriods("org-123");
        assertAllPeriods("org-123", true);
        await(cache.invalidate("org-123"));
        assertAllPeriods("org-123", false);
    }

    private void putAllPeriods(String organisation) {
        for (UsagePeriod period : UnusualKeys.periods()) {
            UsageKey key = new UsageKey(organisation, period);
            await(cache.put(key, new AgedUsage(usage(key, 1), Duration.ZERO), MINUTE));
        }
    }

    private void assertAllPeriods(String organisation, boolean present) {
        for (UsagePeriod period : UnusualKeys.periods()) {
            UsageKey key = new UsageKey(organisation, period);
            assertEquals(present, await(cache.get(key)).isPresent(), () -> "present: " + key);
        }
    }

    @Test
    final void invalidatesOrganisationWithLongLivedFigures() {
        UsageKey key = new UsageKey("org-123", MARCH);
        UsageKey brief = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
        await(cache.put(key, new AgedUsage(usage(key, 1), Duration.ZERO), Duration.ofDays(2)));
        elapse(Duration.ofDays(1));
        await(cache.put(brief, new AgedUsage(usage(brief, 2), Duration.ZERO), MINUTE));
        elapse(Duration.ofHours(23));
        assertTrue(await(cache.get(key)).isPresent(), "an hour before its expiry");
        await(cache.invalidate("org-123"));
        assertEquals(Optional.empty(), await(cache.get(key)));
    }

    // Arguments and closing

    @Test
    final void rejectsEntryOfAnotherKey() {
        UsageKey key = new UsageKey("org-123", MARCH);
        AgedUsage entry = new AgedUsage(usage(new UsageKey("org-124", MARCH), 1), Duration.ZERO);
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> cache.put(key, entry, MINUTE));
        assertMentions("org-124", error);
    }

    @Test
    final void rejectsTimeToLiveBelowOneMillisecond() {
        UsageKey key = new UsageKey("org-123", MARCH);
        AgedUsage entry = new AgedUsage(usage(key, 1), Duration.ZERO);
        for (Duration tooShort : List.of(Duration.ofMillis(-1), Duration.ZERO, Duration.ofNanos(999_999))) {
            IllegalArgumentException error =
                    assertThrows(IllegalArgumentException.class, () -> cache.put(key, entry, tooShort));
            assertMentions("timeToLive", error);
            assertMentions(tooShort.toString(), error);
        }
    }

    @Test
    final void failsEveryCallOnceClosed() {
        UsageKey key = new UsageKey("org-123", MARCH);
        AgedUsage entry = new AgedUsage(usage(key, 1), Duration.ZERO);
        await(cache.put(key, entry, MINUTE));
        await(cache.get(key));
        cache.close();
        Map<String, Supplier<CompletionStage<?>>> calls = Map.of(
                "get", () -> cache.get(key),
                "put", () -> cache.put(key, entry, MINUTE),
                "invalidate(key)", () -> cache.invalidate(key),
                "invalidate(organisationId)", () -> cache.invalidate("org-123"));
        calls.forEach((name, call) -> assertInstanceOf(
                UsageCacheException.class,
                failureOf(name, call),
                () -> name + " of a closed cache completes with UsageCacheException"));
        cache.putFallback(key, entry, MINUTE);
        assertEquals(Optional.empty(), cache.near(key), "a closed cache holds nothing in memory");
        assertEquals(Optional.empty(), cache.fallback(key), "a closed cache holds nothing in memory");
    }

    private Throwable failureOf(String name, Supplier<CompletionStage<?>> call) {
        CompletionStage<?> stage = assertDoesNotThrow(
                call::get, () -> name + " of a closed cache throws nothing itself, but its stage fails");
        try {
            Object answer = stage.toCompletableFuture().get(patience().toMillis(), TimeUnit.MILLISECONDS);
            return fail(name + " of a closed cache fails, but it answered " + answer);
        } catch (ExecutionException e) {
            return e.getCause() == null ? e : e.getCause();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("the closed cache didn't answer: " + e, e);
        }
    }

    @Test
    final void allowsClosingTwice() {
        cache.close();
        assertDoesNotThrow(cache::close, "close is idempotent");
    }

    static OrganisationUsage usage(UsageKey key, long volume) {
        return new OrganisationUsage(
                key, new UsageMetrics(volume, volume * 10), new UsageMetrics(volume * 2, volume * 3), COMPUTED);
    }

    /** Asserts an age approximately: it may include the test's own time and is rounded to milliseconds. */
    static void assertAge(Duration expected, Duration actual) {
        assertTrue(
                actual.compareTo(expected.minusMillis(1)) >= 0 && actual.compareTo(expected.plusSeconds(9)) < 0,
                () -> "age is about " + expected + ", but was " + actual);
    }

    private static void assertMentions(String word, Exception error) {
        assertTrue(error.toString().contains(word), () -> "the message contains " + word + ", but was: " + error);
    }

    /** Returns the figure that the cache finds; fails if there is none. */
    final AgedUsage found(UsageKey key) {
        Optional<AgedUsage> found = await(cache.get(key));
        assertTrue(found.isPresent(), () -> "the cache finds the figure that was put for " + key);
        return found.orElseThrow();
    }

    final <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(patience().toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("the cache didn't answer: " + e, e);
        }
    }
}
