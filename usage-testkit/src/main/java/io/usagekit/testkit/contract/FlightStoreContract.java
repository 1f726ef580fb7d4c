package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Registration;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;

/**
 * What a {@link FlightStore} promises. Extend it, and give it two stores and a cache over the same data, as two processes have,
 * and a way to let time pass for them. Times are tens of seconds apart, so that a slow machine doesn't matter.
 *
 * @since 0.1
 */
public abstract class FlightStoreContract extends FlightStoreInvalidationCases {

    /** For subclasses. */
    protected FlightStoreContract() {}

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
            acquire(here, "b");
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
            var unused = there.acquire(KEY, request("b", ANY_AGE, OptionalLong.empty()))
                    .thenAccept(acquisition -> woken.release());
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
                LeaseRequest request = new LeaseRequest(
                        token,
                        Duration.ofSeconds(30),
                        Duration.ofSeconds(random.nextInt(4) * 20L + 10).minusSeconds(random.nextBoolean() ? 0 : 10),
                        random.nextInt(3) == 0 ? OptionalLong.of(model.someFence(random)) : OptionalLong.empty());
                history.add(key.period() + " acquire " + request);
                // Ages are multiples of 20 s and some, acceptable ones lie 10 s beside: zero is none.
                LeaseRequest apart = request.acceptableAge().toSeconds() % 20 == 10
                        ? request
                        : new LeaseRequest(token, request.lease(), Duration.ZERO, request.awaitedFence());
                model.checkAcquisition(apart, await(store.acquire(key, apart)));
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
}
