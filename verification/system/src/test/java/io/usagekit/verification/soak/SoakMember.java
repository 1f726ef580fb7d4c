package io.usagekit.verification.soak;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * One process of the soak: callers that never stop asking and now and then invalidate, and write down on standard output what
 * they got. Arguments: JDBC URL, Redis URL, seed, callers. At the end of standard input the process ends; each of its lines is one of
 *
 * <ul>
 *   <li>{@value #STATUS}: answered with the number of threads, and the most computations so far at the same time;
 *   <li>{@value #BLOCK}: a function that the host has attached to a future of its own blocks the thread that completes the JVM's timeouts;
 *   <li>{@value #UNBLOCK}: it returns.
 * </ul>
 *
 * <p>Times are {@link System#nanoTime()}: on Linux that is one clock for all processes of a machine.
 */
final class SoakMember {

    static final String STATUS = "status";
    static final String BLOCK = "block";
    static final String UNBLOCK = "unblock";

    private final UsageService usage;
    private final Concurrency computations;
    private final Random random;
    private final PrintStream out;
    private volatile boolean stopped;

    private SoakMember(UsageService usage, Concurrency computations, long seed, PrintStream out) {
        this.usage = usage;
        this.computations = computations;
        this.random = new Random(seed);
        this.out = out;
    }

    /** Runs one. */
    public static void main(String... args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        ClientResources resources = ClientResources.builder()
                .reconnectDelay(Delay.constant(Duration.ofMillis(100)))
                .ioThreadPoolSize(2)
                .computationThreadPoolSize(2)
                .build();
        RedisClient client = RedisClient.create(resources, args[1]);
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(args[0] + "&connectTimeout=1&socketTimeout=5");
        config.setMaximumPoolSize(SoakLimits.PERMITS);
        config.setMinimumIdle(SoakLimits.PERMITS);
        config.setConnectionTimeout(1_000);
        config.setValidationTimeout(500);
        RedisUsage.Builder redis = RedisUsage.builder(client)
                .commandTimeout(SoakLimits.COMMAND_TIMEOUT)
                .heartbeat(SoakLimits.HEARTBEAT)
                .lease(SoakLimits.LEASE);
        Concurrency computations = new Concurrency();
        try (HikariDataSource pool = new HikariDataSource(config);
                UsageService usage = UsageService.builder(computations.of(PostgresUsage.calculator(pool)))
                        .cache(redis.buildNearCache())
                        .singleFlight(redis.buildSingleFlight())
                        .refreshAfter(SoakLimits.SOFT)
                        .ttl(SoakLimits.HARD)
                        .staleIfError(SoakLimits.GRACE)
                        .errorBackOff(Duration.ofMillis(200))
                        .computationTimeout(SoakLimits.COMPUTATION_TIMEOUT)
                        .maxConcurrentComputations(SoakLimits.PERMITS)
                        .build()) {
            new SoakMember(usage, computations, Long.parseLong(args[2]), out).run(Integer.parseInt(args[3]));
        } finally {
            client.shutdown();
        }
        System.exit(0);
    }

    private void run(int callers) throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < callers; i++) {
            long seed = random.nextLong();
            Thread thread = new Thread(() -> call(new Random(seed)), "soak-caller-" + i);
            threads.add(thread);
            thread.start();
        }
        out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        CountDownLatch unblocked = new CountDownLatch(0);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            switch (line) {
                case STATUS -> write(STATUS + " " + Thread.activeCount() + " " + computations.most());
                case BLOCK -> unblocked = blockTimer();
                case UNBLOCK -> unblocked.countDown();
                default -> throw new IllegalArgumentException(line);
            }
        }
        unblocked.countDown();
        stopped = true;
        for (Thread thread : threads) {
            thread.join();
        }
    }

    /** Blocks the JVM's timer for futures until the latch is released. */
    private static CountDownLatch blockTimer() {
        CountDownLatch release = new CountDownLatch(1);
        CompletableFuture<Void> timesOut = new CompletableFuture<>();
        var unused = timesOut.exceptionally(timeout -> {
            try {
                release.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return null;
        });
        unused = timesOut.orTimeout(1, TimeUnit.NANOSECONDS);
        return release;
    }

    private void call(Random dice) {
        while (!stopped) {
            int organisation = dice.nextInt(SoakLimits.ORGANISATIONS);
            if (dice.nextInt(400) == 0) {
                invalidate(organisation);
            } else {
                get(organisation);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1 + dice.nextInt(10)));
        }
    }

    private void get(int organisation) {
        long began = System.nanoTime();
        String answer;
        try {
            UsageResult result = usage.get(SoakLimits.organisation(organisation), SoakLimits.MARCH);
            answer = result.freshness() + " "
                    + result.usage().map(SoakMember::figure).orElse("-");
        } catch (UsageException e) {
            answer = "ERROR " + e.getClass().getSimpleName();
        } catch (Throwable e) {
            answer = "WRONG " + e.toString().replaceAll("\\s+", "_");
        }
        write("get " + organisation + " " + began + " " + System.nanoTime() + " " + answer);
    }

    private static String figure(OrganisationUsage usage) {
        return usage.received().volume() + "/" + usage.received().bytes();
    }

    private void invalidate(int organisation) {
        long began = System.nanoTime();
        String answer;
        try {
            usage.invalidate(SoakLimits.organisation(organisation), SoakLimits.MARCH);
            answer = "DONE";
        } catch (UsageException e) {
            answer = "ERROR " + e.getClass().getSimpleName();
        } catch (Throwable e) {
            answer = "WRONG " + e.toString().replaceAll("\\s+", "_");
        }
        write("invalidate " + organisation + " " + began + " " + System.nanoTime() + " " + answer);
    }

    private synchronized void write(String line) {
        out.println(line);
    }
}
