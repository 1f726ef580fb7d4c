package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.AgedUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Cases of what a cache holds: many threads at once, expired entries, copies in this process's memory. */
abstract class UsageCacheMemoryCases {

    private static final Duration MINUTE = Duration.ofMinutes(1);
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    /** How long threads put figures at once: long enough for a map without synchronisation to lose some. */
    private static final Duration BURST = Duration.ofMillis(300);

    private static final int BURSTS = 4;
    private static final int WRITERS = 4;
    private static final List<UsagePeriod> PERIODS = IntStream.range(0, 5_000)
            .mapToObj(day -> UsagePeriod.day(LocalDate.of(2020, 1, 1).plusDays(day)))
            .toList();

    private static final int FIGURES_HELD = 100;

    private final UsageCacheContract contract;

    UsageCacheMemoryCases(UsageCacheContract contract) {
        this.contract = contract;
    }

    private UsageCache cache() {
        return contract.cache();
    }

    // Many threads

    @Test
    final void returnsConsistentFiguresUnderConcurrentReadsAndWrites() throws Exception {
        long seed = new Random().nextLong();
        System.out.println("UsageCacheContract seed " + seed);
        long end = System.nanoTime() + BURST.toNanos();
        List<Runnable> tasks = new ArrayList<>();
        for (int t = 0; t < 8; t++) {
            Random random = new Random(seed + t);
            tasks.add(() -> {
                for (int i = 0; i < 200 || System.nanoTime() < end; i++) {
                    readOrWrite(random);
                }
            });
        }
        runTogether(tasks);
    }

    private void readOrWrite(Random random) {
        UsageKey key = new UsageKey("org-" + random.nextInt(3), MARCH);
        if (random.nextBoolean()) {
            contract.await(cache().put(
                            key,
                            new AgedUsage(UsageCacheContract.usage(key, random.nextInt(1000)), Duration.ZERO),
                            MINUTE));
        } else {
            contract.await(cache().get(key)).ifPresent(found -> {
                assertEquals(key, found.usage().key());
                assertEquals(
                        found.usage().received().volume() * 3,
                        found.usage().sent().bytes(),
                        "the figure's fields were written together");
            });
        }
    }

    @Test
    final void keepsEveryFigurePutConcurrently() throws Exception {
        for (int burst = 0; burst < BURSTS; burst++) {
            List<List<UsageKey>> put = putTogether(burst);
            for (int writer = 0; writer < WRITERS; writer++) {
                for (UsageKey key : put.get(writer)) {
                    assertEquals(
                            UsageCacheContract.usage(key, writer),
                            contract.found(key).usage(),
                            () -> "the figure of " + key + ", put while other threads put others");
                }
                contract.await(cache().invalidate(organisation(burst, writer)));
            }
        }
    }

    /**
     * Puts figures on several threads for a while, as many as the cache is sure to hold, while another thread invalidates an organisation
     * that has none. Returns the keys that each thread has put.
     */
    private List<List<UsageKey>> putTogether(int burst) throws Exception {
        int most = Math.min(contract.capacity() / WRITERS, PERIODS.size());
        long end = System.nanoTime() + BURST.toNanos();
        AtomicInteger writing = new AtomicInteger(WRITERS);
        List<List<UsageKey>> put = new ArrayList<>();
        List<Runnable> tasks = new ArrayList<>();
        for (int n = 0; n < WRITERS; n++) {
            int writer = n;
            String organisation = organisation(burst, writer);
            List<UsageKey> keys = new ArrayList<>();
            put.add(keys);
            tasks.add(() -> {
                try {
                    for (int period = 0; period < most && System.nanoTime() < end; period++) {
                        UsageKey key = new UsageKey(organisation, PERIODS.get(period));
                        contract.await(cache().put(
                                        key,
                                        new AgedUsage(UsageCacheContract.usage(key, writer), Duration.ZERO),
                                        MINUTE));
                        keys.add(key);
                    }
                } finally {
                    writing.decrementAndGet();
                }
            });
        }
        tasks.add(() -> {
            while (writing.get() > 0) {
                contract.await(cache().invalidate("org-without-figures"));
            }
        });
        runTogether(tasks);
        return put;
    }

    private static String organisation(int burst, int writer) {
        return "org-" + burst + "-" + writer;
    }

    /** Runs tasks at once, each on a thread of its own. */
    private void runTogether(List<Runnable> tasks) throws Exception {
        CyclicBarrier start = new CyclicBarrier(tasks.size());
        ExecutorService threads = Executors.newFixedThreadPool(tasks.size(), run -> {
            Thread daemon = new Thread(run, "cache-contract");
            daemon.setDaemon(true);
            return daemon;
        });
        try {
            List<Future<?>> running = new ArrayList<>();
            for (Runnable task : tasks) {
                running.add(threads.submit(() -> {
                    start.await();
                    task.run();
                    return null;
                }));
            }
            for (Future<?> one : running) {
                one.get(contract.patience().toMillis() * 4, TimeUnit.MILLISECONDS);
            }
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError("a cache is used by many threads at once; one of them: " + e, e);
        } finally {
            threads.shutdownNow();
        }
    }

    // Memory

    @Test
    final void removesExpiredFiguresThatNoCallerReads() {
        assumeTrue(
                contract.heldEntries().isPresent(),
                "not checked, since contract.heldEntries() is empty: the cache removes expired figures, also those that no caller reads");
        for (int round = 0; round < 10; round++) {
            putAndRead(round);
            contract.elapse(MINUTE);
        }
        long deadline = System.nanoTime() + contract.patience().toNanos();
        for (int more = 10; contract.heldEntries().getAsLong() > 4 * FIGURES_HELD; more++) {
            assertTrue(
                    System.nanoTime() < deadline,
                    () ->
                            "the cache removes what has expired, so that it doesn't grow with the number of keys ever put: at most "
                                    + FIGURES_HELD + " figures were stored at a time, but it holds "
                                    + contract.heldEntries().getAsLong() + " entries");
            putAndRead(more);
            contract.elapse(MINUTE);
        }
    }

    private void putAndRead(int round) {
        for (int n = 0; n < FIGURES_HELD; n++) {
            UsageKey key = new UsageKey("org-" + round + "-" + n, MARCH);
            contract.await(cache().put(key, new AgedUsage(UsageCacheContract.usage(key, n), Duration.ZERO), MINUTE));
            assertTrue(contract.await(cache().get(key)).isPresent(), key::toString);
        }
    }

    @Test
    final void returnsFromMemoryOnlyWhatGetReturns() {
        UsageKey key = new UsageKey("org-123", MARCH);
        UsageKey asWindow = new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end()));
        assertNotNear(key, "never put");
        for (long figure = 1; figure <= 3; figure++) {
            contract.await(cache().put(
                            key, new AgedUsage(UsageCacheContract.usage(key, figure), Duration.ofSeconds(5)), MINUTE));
            assertEquals(
                    UsageCacheContract.usage(key, figure), contract.found(key).usage());
            assertNear(asWindow, figure);
        }
        for (Supplier<CompletionStage<Void>> invalidation : List.<Supplier<CompletionStage<Void>>>of(
                () -> cache().invalidate(asWindow), () -> cache().invalidate("org-123"))) {
            contract.await(cache().put(key, new AgedUsage(UsageCacheContract.usage(key, 4), Duration.ZERO), MINUTE));
            assertTrue(contract.await(cache().get(key)).isPresent(), "read into the memory, if there is one");
            contract.await(invalidation.get());
            assertNotNear(key, "invalidated");
        }
        contract.await(cache().put(key, new AgedUsage(UsageCacheContract.usage(key, 5), Duration.ZERO), MINUTE));
        assertTrue(contract.await(cache().get(key)).isPresent(), "read into the memory, if there is one");
        contract.elapse(MINUTE);
        assertNotNear(key, "expired");
        assertEquals(Optional.empty(), cache().fallback(key), "expired");
    }

    private void assertNear(UsageKey key, long figure) {
        Stream.of(cache().near(key), read(key)).flatMap(Optional::stream).forEach(found -> {
            assertEquals(UsageCacheContract.usage(key, figure), found.usage(), "the figure in memory");
            assertEquals(key.period().label(), found.usage().period().label(), "the requested label");
            UsageCacheContract.assertAge(Duration.ofSeconds(5), found.age());
        });
    }

    private void assertNotNear(UsageKey key, String reason) {
        assertEquals(Optional.empty(), cache().near(key), reason);
        assertEquals(Optional.empty(), read(key), reason);
    }

    private Optional<AgedUsage> read(UsageKey key) {
        return Optional.ofNullable(
                cache().readNear(key, (usage, ageNanos) -> new AgedUsage(usage, Duration.ofNanos(ageNanos))));
    }

    @Test
    final void returnsFallbackCopiesAsFallbackOnly() {
        UsageKey key = new UsageKey("org-123", MARCH);
        cache().putFallback(key, new AgedUsage(UsageCacheContract.usage(key, 1), Duration.ofSeconds(5)), MINUTE);
        assertNotNear(key, "near: a copy that no other process has");
        cache().fallback(key).ifPresent(found -> {
            assertEquals(UsageCacheContract.usage(key, 1), found.usage(), "the fallback copy");
            UsageCacheContract.assertAge(Duration.ofSeconds(5), found.age());
        });
        assertEquals(Optional.empty(), contract.await(cache().get(key)), "get: a copy that no other process has");
        cache().putFallback(key, new AgedUsage(UsageCacheContract.usage(key, 2), Duration.ZERO), MINUTE);
        contract.elapse(MINUTE);
        assertEquals(Optional.empty(), cache().fallback(key), "expired");
    }
}
