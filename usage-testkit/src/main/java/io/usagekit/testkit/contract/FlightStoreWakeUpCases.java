package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.Registration;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Cases of wake-ups and of closing. */
abstract class FlightStoreWakeUpCases extends FlightStoreFixture {

    FlightStoreWakeUpCases(FlightStoreContract contract) {
        super(contract);
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void wakesEveryProcessWhenLeaseEnds() {
        Semaphore wokenHere = new Semaphore(0);
        Semaphore wokenThere = new Semaphore(0);
        try (Registration first = here.onWakeUp(KEY, wokenHere::release);
                Registration second = there.onWakeUp(KEY, wokenThere::release)) {
            long fence = acquired(here, "a");
            assertStored(publish(here, "a", fence, figure(1)));
            assertWoken("published", wokenHere, wokenThere);
            acquired(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("released", wokenHere, wokenThere);
            acquired(here, "c");
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
    final void wakesNoProcessWithoutReason() {
        UsageKey other = new UsageKey("org-124", MARCH);
        Semaphore woken = new Semaphore(0);
        Semaphore control = new Semaphore(0);
        try (Registration waits = there.onWakeUp(KEY, woken::release);
                Registration controls = there.onWakeUp(other, control::release)) {
            long fence = acquired(here, "a");
            acquire(here, "b");
            await(here.renew(KEY, "a", LEASE));
            await(here.release(KEY, "b"));
            await(here.fail(KEY, "b", "no database", BACK_OFF));
            elapse(LEASE);
            long second = acquired(here, "c");
            publish(here, "a", fence, figure(1));
            assertTrue(second > fence);
            acquiredOf(here, other, "a");
            await(here.release(other, "a"));
            assertWoken("other key", control);
            assertEquals(0, woken.availablePermits(), "wake-ups of the unchanged key");
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void runsNoActionOnceRegistrationIsClosed() {
        Semaphore closed = new Semaphore(0);
        Semaphore open = new Semaphore(0);
        Registration first = there.onWakeUp(KEY, closed::release);
        try (Registration second = there.onWakeUp(KEY, open::release)) {
            acquired(here, "a");
            await(here.release(KEY, "a"));
            assertWoken("both registrations", closed, open);

            first.close();
            first.close();

            acquired(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("the remaining registration", open);
            assertEquals(0, closed.availablePermits());
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void runsSameActionOncePerRegistration() {
        Semaphore woken = new Semaphore(0);
        Runnable action = woken::release;
        try (Registration first = there.onWakeUp(KEY, action)) {
            Registration second = there.onWakeUp(KEY, action);
            acquired(here, "a");
            await(here.release(KEY, "a"));
            assertWoken("twice", woken, woken);
            second.close();
            acquired(here, "b");
            await(here.release(KEY, "b"));
            assertWoken("the remaining registration", woken);
        }
    }

    @Test
    @SuppressWarnings("try") // registered as long as the block lasts
    final void allowsStoreCallsInWakeUpAction() {
        Semaphore woken = new Semaphore(0);
        try (Registration waits = there.onWakeUp(KEY, () -> {
            var unused = there.acquire(KEY, request("b", ANY_AGE, OptionalLong.empty()))
                    .thenAccept(acquisition -> woken.release());
        })) {
            assertStored(publish(here, "a", acquired(here, "a"), figure(1)));
            assertWoken("and the store answered", woken);
        }
    }

    // Closing

    @Test
    final void failsEveryCallOnceClosed() {
        long fence = acquired(here, "a");
        here.close();
        Map<String, Supplier<CompletionStage<?>>> calls = Map.of(
                "acquire", () -> here.acquire(KEY, request("b", ANY_AGE, OptionalLong.empty())),
                "renew", () -> here.renew(KEY, "a", LEASE),
                "publish", () -> here.publish(KEY, "a", fence, figure(1), TIME_TO_LIVE),
                "release", () -> here.release(KEY, "a"),
                "fail", () -> here.fail(KEY, "a", "no database", BACK_OFF),
                "invalidate(key)", () -> here.invalidate(KEY),
                "invalidate(organisationId)", () -> here.invalidate(KEY.organisationId()));
        calls.forEach((name, call) -> assertInstanceOf(
                UsageCacheException.class,
                failureOf(name, call),
                () -> name + " of a closed store completes with UsageCacheException"));
        assertEquals(
                fence,
                assertInstanceOf(Acquisition.Held.class, acquire(there, "b")).fence(),
                "the lease stays, since a closed store did nothing");
        assertStored(publish(there, "a", fence, figure(2)));
    }

    private Throwable failureOf(String name, Supplier<CompletionStage<?>> call) {
        CompletionStage<?> stage = assertDoesNotThrow(
                call::get, () -> name + " of a closed store throws nothing itself, but its stage fails");
        try {
            Object answer = stage.toCompletableFuture().get(patience().toMillis(), TimeUnit.MILLISECONDS);
            return fail(name + " of a closed store fails, but it answered " + answer);
        } catch (ExecutionException e) {
            return e.getCause() == null ? e : e.getCause();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("the closed store didn't answer: " + e, e);
        }
    }

    @Test
    final void allowsClosingTwice() {
        here.close();
        assertDoesNotThrow(here::close, "close is idempotent");
    }
}
