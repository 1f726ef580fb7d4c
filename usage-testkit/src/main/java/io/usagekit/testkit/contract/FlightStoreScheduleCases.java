package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Cases of random schedules of calls, compared with {@link FlightModel}. */
abstract class FlightStoreScheduleCases extends FlightStoreFixture {

    FlightStoreScheduleCases(FlightStoreContract contract) {
        super(contract);
    }

    /** Compares each answer to random calls of two processes with the model's. */
    @Test
    final void answersAsModelInRandomSchedules() {
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
                // Ages are slightly above multiples of 20 s; acceptable ages are 10 s off them, or zero.
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
                    history.add("of the whole organisation");
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
