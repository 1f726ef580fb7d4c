package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.resource.ClientResources;
import io.lettuce.core.resource.Delay;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;

/**
 * One process of a fleet, which reads organisations from standard input and requests their figures. A computation takes a given
 * time, and its figure is a number from a file that all processes share, different for each computation of the fleet.
 */
final class FleetMember {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    private FleetMember() {}

    /** Arguments: Redis's URL, the counter's file, callers, milliseconds of a computation and of a lease. */
    public static void main(String... args) throws Exception {
        Path counter = Path.of(args[1]);
        int callers = Integer.parseInt(args[2]);
        Duration computation = Duration.ofMillis(Long.parseLong(args[3]));
        ClientResources resources = ClientResources.builder()
                .reconnectDelay(Delay.constant(Duration.ofMillis(100)))
                .build();
        RedisClient client = RedisClient.create(resources, args[0]);
        RedisUsage.Builder redis =
                RedisUsage.builder(client).commandTimeout(Duration.ofSeconds(2)).connectTimeout(Duration.ofSeconds(20));
        ExecutorService threads = Executors.newFixedThreadPool(callers);
        try (UsageService usage = UsageService.builder((key, timeout) -> {
                    long number = next(counter);
                    long until = System.nanoTime() + computation.toNanos();
                    while (System.nanoTime() < until || Files.exists(held(counter))) {
                        LockSupport.parkNanos(Math.max(1_000_000, until - System.nanoTime()));
                    }
                    return new OrganisationUsage(key, new UsageMetrics(number, 0), UsageMetrics.ZERO, Instant.now());
                })
                .cache(redis.build())
                .listener(new UsageListener() {
                    @Override
                    public void remoteLoadAwaited(UsageKey key) {
                        next(followers(counter));
                    }
                })
                .singleFlight(
                        redis.lease(Duration.ofMillis(Long.parseLong(args[4]))).buildSingleFlight())
                .build()) {
            System.out.println("ready");
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String organisation = in.readLine(); organisation != null; organisation = in.readLine()) {
                System.out.println(request(usage, organisation, callers, threads));
            }
        } finally {
            threads.shutdownNow();
            client.shutdown();
        }
        System.exit(0);
    }

    /** Calls from all threads at once; returns {@code number/microseconds} for each figure, {@code !error/microseconds} otherwise. */
    private static String request(UsageService usage, String organisation, int callers, ExecutorService threads)
            throws Exception {
        CyclicBarrier together = new CyclicBarrier(callers);
        List<Future<String>> answers = new ArrayList<>();
        for (int i = 0; i < callers; i++) {
            answers.add(threads.submit(() -> {
                together.await();
                long began = System.nanoTime();
                String answer;
                try {
                    UsageResult result = usage.get(organisation, MARCH);
                    answer = result.usage()
                            .map(figure -> Long.toString(figure.received().volume()))
                            .orElse("!pending");
                } catch (UsageException e) {
                    answer = "!" + e.getClass().getSimpleName();
                }
                return answer + "/" + (System.nanoTime() - began) / 1_000;
            }));
        }
        StringJoiner line = new StringJoiner(" ");
        for (Future<String> answer : answers) {
            line.add(answer.get());
        }
        return line.toString();
    }

    /** Increments the counter and returns its value. */
    static long next(Path counter) {
        try (FileChannel file = FileChannel.open(
                counter, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
            return next(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Locks the file between processes, and the class within one. */
    private static synchronized long next(FileChannel file) throws IOException {
        FileLock lock = file.lock();
        try {
            long number = read(file) + 1;
            file.write(ByteBuffer.allocate(Long.BYTES).putLong(0, number), 0);
            return number;
        } finally {
            lock.release();
        }
    }

    private static long read(FileChannel file) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES);
        return file.read(bytes, 0) < Long.BYTES ? 0 : bytes.getLong(0);
    }

    /** Returns the file that counts the loads which wait for another process. */
    static Path followers(Path counter) {
        return counter.resolveSibling("followers");
    }

    /** Returns the file that holds up computations while it exists. */
    static Path held(Path counter) {
        return counter.resolveSibling("held");
    }

    /** Returns the counter's value. */
    static long count(Path counter) {
        try (FileChannel file = FileChannel.open(counter, StandardOpenOption.READ)) {
            return read(file);
        } catch (NoSuchFileException e) {
            return 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
