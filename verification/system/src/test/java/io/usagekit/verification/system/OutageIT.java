package io.usagekit.verification.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Redis killed, then PostgreSQL, then both, and each brought back, while clients poll: every answer is right or a typed error,
 * nobody waits longer than the timeouts allow, and nothing has to be restarted.
 */
@Tag("thorough")
class OutageIT {

    /** So long that what a busy machine stalls is no error while PostgreSQL is there. */
    private static final Duration CONNECTION_TIMEOUT = Duration.ofSeconds(3);

    private static final Duration COMPUTATION_TIMEOUT = Duration.ofSeconds(10);
    /** Two looks into the cache and one write at 200 ms each, the computation, and a busy machine. */
    private static final Duration LONGEST_WAIT =
            COMPUTATION_TIMEOUT.plusMillis(600).plusSeconds(30);

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int CLIENTS = 4;

    private final AtomicLong hits = new AtomicLong();
    private final AtomicLong computations = new AtomicLong();
    private final AtomicLong answers = new AtomicLong();
    private final AtomicLong errors = new AtomicLong();
    private final AtomicLong longestWait = new AtomicLong();
    private final Queue<String> wrong = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean stop = new AtomicBoolean();

    @Test
    void everyAnswerIsRightOrATypedErrorAndRecoveryNeedsNoRestart() throws SQLException, InterruptedException {
        long seed = new Random().nextLong();
        System.out.println("OutageIT seed " + seed);
        try (WholeSystem system = new WholeSystem(CONNECTION_TIMEOUT);
                UsageService usage = system.service()
                        .ttl(Duration.ofMillis(500))
                        .refreshAfter(Duration.ofMillis(100))
                        .staleIfError(Duration.ZERO) // errors shall be seen
                        .computationTimeout(COMPUTATION_TIMEOUT)
                        .listener(counting())
                        .build()) {
            List<Thread> clients = new ArrayList<>();
            for (int i = 0; i < CLIENTS; i++) {
                Random random = new Random(seed + i);
                Thread client = new Thread(() -> poll(usage, random), "client-" + i);
                clients.add(client);
                client.start();
            }
            try {
                until("clients are served from the cache", more(hits, 200));

                system.redis.kill();
                until("clients are served without Redis", more(computations, 50).and(more(answers, 200)));
                assertThat(errors).as("errors while only Redis is gone").hasValue(0);
                system.redis.restart();
                until("clients are served from the cache again", more(hits, 200));

                system.postgres.kill();
                until("clients learn that PostgreSQL is gone", more(errors, 20));
                system.postgres.restart();
                until("figures are computed again", more(computations, 10).and(more(hits, 200)));

                system.postgres.kill();
                system.redis.kill();
                until("clients learn that there is nothing left", more(errors, 20));
                system.redis.restart();
                system.postgres.restart();
                until("all is well again", more(computations, 10).and(more(hits, 200)));
            } finally {
                stop.set(true);
                for (Thread client : clients) {
                    client.join(PATIENCE.toMillis());
                }
            }
        }
        System.out.printf(
                "%,d right answers, %,d typed errors, %,d computations; the longest wait was %d ms%n",
                answers.get(), errors.get(), computations.get(), longestWait.get() / 1_000_000);
        assertThat(wrong).as("answers that are neither right nor a typed error").isEmpty();
        assertThat(Duration.ofNanos(longestWait.get())).as("the longest wait").isLessThan(LONGEST_WAIT);
    }

    private void poll(UsageService usage, Random random) {
        while (!stop.get()) {
            int organisation = 1 + random.nextInt(WholeSystem.ORGANISATIONS);
            long began = System.nanoTime();
            try {
                UsageResult result = usage.get(WholeSystem.organisation(organisation), WholeSystem.MARCH);
                if (result.usage()
                        .filter(found -> found.equals(WholeSystem.expected(organisation, found.createdAt())))
                        .isEmpty()) {
                    wrong.add("organisation " + organisation + ": " + result);
                }
                answers.incrementAndGet();
            } catch (UsageException e) {
                errors.incrementAndGet();
            } catch (Throwable e) {
                wrong.add("organisation " + organisation + ": " + e);
            }
            longestWait.accumulateAndGet(System.nanoTime() - began, Math::max);
        }
    }

    private UsageListener counting() {
        return new UsageListener() {
            @Override
            public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
                hits.incrementAndGet();
            }

            @Override
            public void computed(UsageKey key, Duration took) {
                computations.incrementAndGet();
            }
        };
    }

    private interface Condition extends BooleanSupplier {
        default Condition and(Condition other) {
            return () -> getAsBoolean() && other.getAsBoolean();
        }
    }

    /** This many more than there are now. */
    private static Condition more(AtomicLong counter, long by) {
        long from = counter.get();
        return () -> counter.get() >= from + by;
    }

    private void until(String what, Condition condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as(
                            "%s; %s hits, %s computations, %s answers, %s errors, wrong: %s",
                            what, hits, computations, answers, errors, wrong)
                    .isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }
}
