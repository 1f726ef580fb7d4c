package io.usagekit.verification.soak;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import io.usagekit.OrganisationUsage;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
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
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * One process of the soak: callers that never stop asking and now and then invalidate, and write down on standard output what
 * they got. Arguments: JDBC URL; Redis URL, several with commas for a cluster, or nothing for a cache in PostgreSQL; seed; callers. At the end of standard input the process ends; each of its lines is one of
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
        Concurrency computations = new Concurrency();
        try (HikariDataSource pool = pool(args[0]);
                Shared shared = args[1].isEmpty() ? overPostgres(args[0]) : overRedis(args[1]);
                UsageService usage = UsageService.builder(computations.of(PostgresUsage.calculator(pool)))
                        .cache(shared.cache())
                        .singleFlight(shared.flights())
                        .refreshAfter(SoakLimits.SOFT)
                        .ttl(SoakLimits.HARD)
                        .staleIfError(SoakLimits.GRACE)
                        .errorBackOff(Duration.ofMillis(200))
                        .computationTimeout(SoakLimits.COMPUTATION_TIMEOUT)
                        .maxConcurrentComputations(SoakLimits.PERMITS)
                        .build()) {
            new SoakMember(usage, computations, Long.parseLong(args[2]), out).run(Integer.parseInt(args[3]));
        }
        System.exit(0);
    }

    /** What the processes share: closed after the service. */
    private record Shared(UsageCache cache, SingleFlight flights, Runnable end) implements AutoCloseable {
        @Override
        public void close() {
            end.run();
        }
    }

    private static Shared overRedis(String url) {
        ClientResources resources = ClientResources.builder()
                .reconnectDelay(Delay.constant(Duration.ofMillis(100)))
                .ioThreadPoolSize(2)
                .computationThreadPoolSize(2)
                .build();
        List<RedisURI> addresses =
                Stream.of(url.split(",(?=redis:)")).map(RedisURI::create).toList();
        if (addresses.size() > 1) {
            RedisClusterClient cluster = RedisClusterClient.create(resources, addresses);
            return overRedis(RedisUsage.builder(cluster), cluster::shutdown);
        }
        RedisClient client = RedisClient.create(resources, addresses.get(0));
        return overRedis(RedisUsage.builder(client), client::shutdown);
    }

    private static Shared overRedis(RedisUsage.Builder redis, Runnable end) {
        redis.commandTimeout(SoakLimits.COMMAND_TIMEOUT)
                .heartbeat(SoakLimits.HEARTBEAT)
                .lease(SoakLimits.LEASE);
        return new Shared(redis.buildNearCache(), redis.buildSingleFlight(), end);
    }

    private static Shared overPostgres(String url) {
        HikariDataSource pool = pool(url);
        // One thread less than connections: one of these listens.
        ThreadPoolExecutor statements = new ThreadPoolExecutor(
                SoakLimits.PERMITS - 1, SoakLimits.PERMITS - 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(100));
        PostgresCache postgres = PostgresCache.builder(pool, statements)
                .timeout(SoakLimits.COMMAND_TIMEOUT)
                .listenOn(pool)
                .build();
        return new Shared(
                postgres.cache(),
                SingleFlights.fleetWide(
                        postgres.flightStore(),
                        SoakLimits.LEASE,
                        SingleFlights.DEFAULT_POLL_INTERVAL,
                        SoakLimits.HEARTBEAT),
                () -> {
                    statements.shutdown();
                    pool.close();
                });
    }

    private static HikariDataSource pool(String url) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url + "&connectTimeout=1&socketTimeout=5");
        config.setMaximumPoolSize(SoakLimits.PERMITS);
        config.setMinimumIdle(SoakLimits.PERMITS);
        config.setConnectionTimeout(1_000);
        config.setValidationTimeout(500);
        return new HikariDataSource(config);
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
                // Once more, most likely during a load of another process, whose publication has to be rejected.
                LockSupport.parkNanos(TimeUnit.MICROSECONDS.toNanos(dice.nextInt(20_000)));
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
