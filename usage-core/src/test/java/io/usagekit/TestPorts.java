package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongSupplier;

/** Small in-memory ports of one service: a calculator that can be held and can fail, a cache, and a recording listener. */
final class TestPorts implements UsageCalculator {

    private static final long LIMIT_SECONDS = 30;

    private final AtomicLong nanos = new AtomicLong();
    private final AtomicInteger calls = new AtomicInteger();
    private volatile CountDownLatch gate = new CountDownLatch(0);
    private volatile Optional<UsageCalculationException> failure = Optional.empty();

    final LongSupplier ticker = nanos::get;
    final Cache cache = new Cache();
    final Events events = new Events();

    void advance(Duration time) {
        nanos.addAndGet(time.toNanos());
    }

    /** Holds computations until {@link #release}. */
    void hold() {
        gate = new CountDownLatch(1);
    }

    void release() {
        gate.countDown();
    }

    void fail() {
        failWith(new UsageCalculationException("no database", null));
    }

    /** Fails with an error that no retry cures. */
    void failPermanently() {
        failWith(UsageCalculationException.permanent("there is no schema \"app\"", new IOException("3F000")));
    }

    void failWith(UsageCalculationException error) {
        failure = Optional.of(error);
    }

    void recover() {
        failure = Optional.empty();
    }

    int calls() {
        return calls.get();
    }

    void awaitCalls(int number) {
        awaitAtLeast("calls of the calculator", calls, number);
    }

    private static void awaitAtLeast(String what, AtomicInteger counter, int number) {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        while (counter.get() < number && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
        assertThat(counter.get()).as(what).isGreaterThanOrEqualTo(number);
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        calls.incrementAndGet();
        try {
            assertThat(gate.await(LIMIT_SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new UsageCalculationException("interrupted", e);
        }
        failure.ifPresent(error -> {
            throw error;
        });
        return usage(key);
    }

    private static OrganisationUsage usage(UsageKey key) {
        return new OrganisationUsage(key, new UsageMetrics(1, 1_024), UsageMetrics.ZERO, Instant.EPOCH);
    }

    /** A map whose entries grow older with the ticker. */
    final class Cache implements UsageCache {
        private record Entry(OrganisationUsage usage, long computedAt) {}

        private final ConcurrentHashMap<UsageKey, Entry> entries = new ConcurrentHashMap<>();
        private final AtomicInteger reads = new AtomicInteger();
        private final AtomicInteger puts = new AtomicInteger();
        private final AtomicInteger closes = new AtomicInteger();
        private volatile boolean down;
        private volatile boolean memoryBroken;
        private volatile CompletableFuture<Void> writing = CompletableFuture.completedFuture(null);

        void goDown() {
            down = true;
        }

        void comeBack() {
            down = false;
        }

        /** Sets whether looks into memory throw; they find nothing otherwise. */
        void breakMemory(boolean broken) {
            memoryBroken = broken;
        }

        /** Holds writes that begin from now on until {@link #releaseWrites}. */
        void holdWrites() {
            writing = new CompletableFuture<>();
        }

        void releaseWrites() {
            writing.complete(null);
        }

        void awaitPuts(int number) {
            awaitAtLeast("puts", puts, number);
        }

        /** As new, for another service. */
        void open() {
            down = false;
            entries.clear();
        }

        /** Stores a figure as another process does. */
        void store(UsageKey key, Duration age) {
            entries.put(key, new Entry(usage(key), nanos.get() - age.toNanos()));
        }

        int reads() {
            return reads.get();
        }

        int puts() {
            return puts.get();
        }

        int closes() {
            return closes.get();
        }

        private <T> CompletionStage<T> answer(T value) {
            return down
                    ? CompletableFuture.failedFuture(new UsageCacheException("down", null))
                    : CompletableFuture.completedFuture(value);
        }

        @Override
        public Optional<AgedUsage> near(UsageKey key) {
            if (memoryBroken) {
                throw new IllegalStateException("broken memory");
            }
            return Optional.empty();
        }

        @Override
        public CompletionStage<Optional<AgedUsage>> get(UsageKey key) {
            reads.incrementAndGet();
            return answer(Optional.ofNullable(entries.get(key))
                    .map(entry -> new AgedUsage(entry.usage(), Duration.ofNanos(nanos.get() - entry.computedAt()))));
        }

        @Override
        public CompletionStage<Void> put(UsageKey key, AgedUsage entry, Duration timeToLive) {
            UsageCache.checkPut(key, entry, timeToLive);
            puts.incrementAndGet();
            return writing.thenCompose(open -> {
                entries.put(
                        key, new Entry(entry.usage(), nanos.get() - entry.age().toNanos()));
                return done();
            });
        }

        @Override
        public CompletionStage<Void> invalidate(UsageKey key) {
            entries.remove(key);
            return done();
        }

        @Override
        public CompletionStage<Void> invalidate(String organisationId) {
            entries.keySet().removeIf(key -> key.organisationId().equals(organisationId));
            return done();
        }

        private CompletionStage<Void> done() {
            return answer(true).thenAccept(ignored -> {});
        }

        @Override
        public void close() {
            closes.incrementAndGet();
        }
    }

    /** Records the names of events, and lets a test wait for loads. */
    static final class Events implements UsageListener {
        private final List<String> names = new ArrayList<>();
        private final AtomicReference<Runnable> beforeLoad = new AtomicReference<>(() -> {});
        private final List<Throwable> refreshFailures = new CopyOnWriteArrayList<>();
        private int loads;

        /** Sets what the next caller does before its load. */
        void beforeLoad(Runnable action) {
            beforeLoad.set(action);
        }

        synchronized List<String> names() {
            return List.copyOf(names);
        }

        synchronized void await(String name, int times) throws InterruptedException {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            while (names.stream().filter(name::equals).count() < times && System.nanoTime() < deadline) {
                wait(1_000);
            }
            assertThat(names).contains(name);
        }

        synchronized void awaitLoads() {
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
            try {
                while (loads > 0 && System.nanoTime() < deadline) {
                    wait(1_000);
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException("interrupted while waiting for loads", e);
            }
            assertThat(loads).as("loads in flight").isZero();
        }

        List<Throwable> refreshFailures() {
            return refreshFailures;
        }

        private synchronized void add(String name) {
            names.add(name);
            notifyAll();
        }

        private synchronized void count(int change) {
            loads += change;
            notifyAll();
        }

        @Override
        public void loadRequested(UsageKey key) {
            count(1);
            beforeLoad.getAndSet(() -> {}).run();
        }

        @Override
        public void loadCompleted(UsageKey key, LoadOutcome.Origin origin) {
            count(-1);
        }

        @Override
        public void loadFailed(UsageKey key, Throwable error) {
            count(-1);
        }

        @Override
        public void hit(UsageKey key, Tier tier, Duration age) {
            add("hit");
        }

        @Override
        public void miss(UsageKey key) {
            add("miss");
        }

        @Override
        public void computed(UsageKey key, Duration took) {
            add("computed");
        }

        @Override
        public void coalesced(UsageKey key) {
            add("coalesced");
        }

        @Override
        public void refreshFailed(UsageKey key, Throwable error) {
            refreshFailures.add(error);
        }

        @Override
        public void publicationRejected(UsageKey key) {
            add("publicationRejected");
        }
    }
}
