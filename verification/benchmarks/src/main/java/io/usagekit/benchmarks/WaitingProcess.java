package io.usagekit.benchmarks;

import io.lettuce.core.RedisClient;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/**
 * One process of {@link WaitersBenchmark}. Each line that it reads names what all of its threads wait for, and is answered by the nanoseconds that
 * each thread has waited beyond the computation:
 *
 * <ul>
 *   <li>{@value #LATCH}: a latch of this process, which one of them releases after that time, as the control;
 *   <li>anything else: the figure of that organisation, which one process of the fleet computes.
 * </ul>
 */
final class WaitingProcess {

    static final String LATCH = "latch";
    static final String READY = "ready";

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    private final long computationNanos;
    private final int waiters;
    private final ExecutorService threads;

    private WaitingProcess(Duration computation, int waiters) {
        this.computationNanos = computation.toNanos();
        this.waiters = waiters;
        this.threads = Executors.newFixedThreadPool(waiters);
    }

    /** Arguments: Redis's URL, the milliseconds of a computation, and how many threads wait. */
    public static void main(String... args) throws Exception {
        WaitingProcess process =
                new WaitingProcess(Duration.ofMillis(Long.parseLong(args[1])), Integer.parseInt(args[2]));
        RedisClient client = RedisClient.create(args[0]);
        // Processes that start at the same time take longer for their first connection than a service waits by default.
        RedisUsage.Builder redis = RedisUsage.builder(client).connectTimeout(Duration.ofSeconds(30));
        try (UsageService usage = UsageService.builder(process::compute)
                .cache(redis.build())
                .singleFlight(redis.buildSingleFlight())
                .build()) {
            System.out.println(READY);
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.println(line.equals(LATCH) ? process.waitForLatch() : process.waitForFigure(usage, line));
            }
        } finally {
            process.threads.shutdown();
            client.shutdown();
        }
    }

    private OrganisationUsage compute(UsageKey key, Duration timeout) {
        pass();
        return new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.now());
    }

    /** Takes as long as a computation. */
    private void pass() {
        long until = System.nanoTime() + computationNanos;
        for (long left = computationNanos; left > 0; left = until - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private String waitForFigure(UsageService usage, String organisation) throws Exception {
        return together(number -> usage.get(organisation, MARCH));
    }

    private String waitForLatch() throws Exception {
        CountDownLatch latch = new CountDownLatch(1);
        return together(number -> {
            if (number == 0) {
                pass();
                latch.countDown();
            }
            latch.await();
        });
    }

    /** What a thread does, by its number from 0. */
    private interface Waiting {
        void run(int number) throws Exception;
    }

    private String together(Waiting waiting) throws Exception {
        CyclicBarrier start = new CyclicBarrier(waiters);
        List<Future<Long>> waits = new ArrayList<>();
        for (int i = 0; i < waiters; i++) {
            int number = i;
            waits.add(threads.submit(() -> {
                start.await();
                long began = System.nanoTime();
                waiting.run(number);
                return System.nanoTime() - began - computationNanos;
            }));
        }
        StringJoiner line = new StringJoiner(" ");
        for (Future<Long> wait : waits) {
            line.add(Long.toString(wait.get()));
        }
        return line.toString();
    }
}
