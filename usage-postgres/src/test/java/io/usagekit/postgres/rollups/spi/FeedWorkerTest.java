package io.usagekit.postgres.rollups.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.reports.UsageReports;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** What a worker does with a feed whose cycles a test makes up. */
class FeedWorkerTest {

    private static final Optional<FeedCycle> ANOTHER_SESSION = Optional.empty();

    private final AtomicLong now = new AtomicLong();
    private final AtomicInteger shipped = new AtomicInteger();

    private FeedWorker.Builder worker(Supplier<Optional<FeedCycle>> cycles) {
        return new Feed(cycles).worker(unused()).nanoTime(now::get);
    }

    private static CellStore unused() {
        return (CellStore) Proxy.newProxyInstance(
                FeedWorkerTest.class.getClassLoader(), new Class<?>[] {CellStore.class}, (proxy, method, values) -> {
                    throw new AssertionError(method);
                });
    }

    private void advance(Duration duration) {
        now.addAndGet(duration.toNanos());
    }

    /** A cycle of ten hours. */
    private Optional<FeedCycle> cycle(boolean left) {
        return Optional.of(new FeedCycle(shipped.incrementAndGet(), 10, left ? 0 : 1, !left, left));
    }

    @Test
    void runsCyclesUntilNothingIsLeft() {
        List<FeedCycle> cycles = new ArrayList<>();
        List<FeedWorker.LastRun> runs = new ArrayList<>();
        FeedListener listener = new FeedListener() {
            @Override
            public void cycleEnded(FeedCycle cycle) {
                cycles.add(cycle);
                throw new IllegalStateException("a listener fails");
            }

            @Override
            public void runEnded(FeedWorker.LastRun run) {
                runs.add(run);
                throw new IllegalStateException("a listener fails");
            }
        };
        try (FeedWorker worker =
                worker(() -> cycle(shipped.get() < 2)).listener(listener).build()) {
            assertThat(worker.lastRun()).isEmpty();
            FeedRun run = worker.runOnce();

            assertThat(run).isEqualTo(new FeedRun(3, 3, 30, 1, true, false));
            assertThat(run.leader()).isTrue();
            assertThat(cycles).extracting(FeedCycle::version).containsExactly(1L, 2L, 3L);
            assertThat(runs).containsExactly(worker.lastRun().orElseThrow());
            assertThat(runs.get(0).result()).contains(run);
        }
    }

    @Test
    void endsARunWhenItsBudgetIsUsedUp() {
        try (FeedWorker worker = worker(() -> {
                    advance(Duration.ofSeconds(4));
                    return cycle(true);
                })
                .build()) {
            assertThat(worker.runOnce())
                    .as("cycles that begin within 10 s")
                    .isEqualTo(new FeedRun(3, 3, 30, 0, false, true));
        }
    }

    @Test
    void returnsAtOnceWhileAnotherSessionShips() {
        try (FeedWorker worker = worker(() -> ANOTHER_SESSION)
                .housekeeping(Duration.ofDays(1), shipped::incrementAndGet)
                .build()) {
            assertThat(worker.runOnce().leader()).isFalse();
            assertThat(shipped).as("housekeeping").hasValue(0);
        }
        try (FeedWorker worker =
                worker(() -> shipped.get() == 1 ? ANOTHER_SESSION : cycle(true)).build()) {
            assertThat(worker.runOnce())
                    .as("another session goes on after a cycle")
                    .isEqualTo(new FeedRun(1, 1, 10, 0, false, true));
        }
    }

    @Test
    void keepsHouseRarelyAndOnlyWhenNothingIsLeft() {
        AtomicInteger kept = new AtomicInteger();
        AtomicBoolean left = new AtomicBoolean(true);
        try (CapturedLog log = CapturedLog.of(FeedWorker.class);
                FeedWorker worker = worker(() -> {
                            advance(Duration.ofMinutes(1));
                            return cycle(left.get());
                        })
                        .housekeeping(Duration.ofHours(1), () -> {
                            kept.incrementAndGet();
                            throw new UsageStorageException("the store is away", null);
                        })
                        .build()) {
            worker.runOnce();
            assertThat(kept).as("while hours are left").hasValue(0);
            left.set(false);
            for (int run = 0; run < 60; run++) {
                worker.runOnce();
            }
            assertThat(kept).as("within an hour").hasValue(1);
            worker.runOnce();
            assertThat(kept).as("an hour later").hasValue(2);
            assertThat(log.lines("WARN"))
                    .hasSize(2)
                    .allMatch(
                            line -> line.contains(
                                    "housekeeping of the feed in the schema s failed and is tried again in PT1H: the store is away"));
        }
    }

    @Test
    void waitsLongerAfterEachFailureAndLogsTheFirst() {
        AtomicInteger attempts = new AtomicInteger();
        AtomicBoolean isAway = new AtomicBoolean(true);
        List<Runnable> task = new ArrayList<>();
        Duration pause = Duration.ofSeconds(10);
        try (CapturedLog log = CapturedLog.of(FeedWorker.class);
                FeedWorker worker = worker(() -> {
                            attempts.incrementAndGet();
                            if (isAway.get()) {
                                throw new UsageStorageException("the store is away", null);
                            }
                            return cycle(false);
                        })
                        .build()) {
            worker.start(
                    (run, delay) -> {
                        assertThat(delay).isEqualTo(pause);
                        task.add(run);
                        return new CompletableFuture<>();
                    },
                    pause);
            List<Integer> seconds = new ArrayList<>();
            for (int second = 0; second <= 1_500; second += 10) {
                int before = attempts.get();
                task.get(0).run();
                if (attempts.get() > before) {
                    seconds.add(second);
                }
                advance(pause);
            }
            assertThat(seconds).containsExactly(0, 10, 30, 70, 150, 310, 610, 910, 1_210);
            assertThat(log.lines("WARN"))
                    .singleElement()
                    .asString()
                    .contains("running the feed in the schema s failed and is retried: the store is away");
            assertThat(worker.lastRun().orElseThrow().failure().orElseThrow()).hasMessage("the store is away");
            assertThatThrownBy(worker::runOnce)
                    .as("no back-off for a caller")
                    .isInstanceOf(UsageStorageException.class);

            isAway.set(false);
            advance(Duration.ofMinutes(5));
            for (int run = 0; run < 3; run++) {
                task.get(0).run();
            }
            assertThat(shipped).hasValue(3);
        }
    }

    @Test
    void runsOnADaemonThreadOfItsOwnUntilItIsClosed() throws InterruptedException {
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        FeedWorker worker = worker(() -> {
                    thread.complete(Thread.currentThread());
                    return cycle(false);
                })
                .build();
        worker.start(Duration.ofMillis(1));
        Thread own = thread.join();
        assertThat(own.isDaemon()).isTrue();
        assertThat(own.getName()).isEqualTo("usagekit-feed");
        assertThatIllegalStateException()
                .isThrownBy(() -> worker.start(Duration.ofMillis(1)))
                .withMessage("the worker has been started already");

        worker.close();

        own.join(Duration.ofSeconds(30).toMillis());
        assertThat(own.isAlive()).isFalse();
        assertThatIllegalStateException().isThrownBy(worker::runOnce).withMessage("the worker is closed");
        assertThatIllegalStateException()
                .isThrownBy(() -> worker.start(Duration.ofMillis(1)))
                .withMessage("the worker is closed");
    }

    @Test
    void rejectsSettingsOutOfBounds() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> worker(() -> ANOTHER_SESSION).maxHours(0).build())
                .withMessage("maxHours must be between 1 and 1000000, but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> worker(() -> ANOTHER_SESSION)
                        .cycleTimeout(Duration.ofMillis(999))
                        .build())
                .withMessage("cycleTimeout must be between PT1S and PT24H, but was PT0.999S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> worker(() -> ANOTHER_SESSION)
                        .housekeeping(Duration.ZERO, () -> {})
                        .build())
                .withMessage("interval of housekeeping must be between PT1M and PT720H, but was PT0S");
    }

    /** A feed of which a worker needs the cycles and the name only. */
    private record Feed(Supplier<Optional<FeedCycle>> cycles) implements RollupFeed {

        @Override
        public String schema() {
            return "s";
        }

        @Override
        public Optional<FeedCycle> ship(CellStore store, int maxHours, Duration timeout) {
            return cycles.get();
        }

        @Override
        public void install() {
            throw new AssertionError();
        }

        @Override
        public void uninstall() {
            throw new AssertionError();
        }

        @Override
        public Optional<FeedStatus> status(Duration timeout) {
            throw new AssertionError();
        }

        @Override
        public void reship(Collection<ProjectDays> days) {
            throw new AssertionError();
        }

        @Override
        public void reshipAll() {
            throw new AssertionError();
        }

        @Override
        public long verify(CellReader reader, Duration timeout, Consumer<ProjectDays> differing) {
            throw new AssertionError();
        }

        @Override
        public UsageCalculator calculator(CellReader reader, CellReadListener listener) {
            throw new AssertionError();
        }

        @Override
        public UsageReports reports(CellReader reader, CellReadListener listener) {
            throw new AssertionError();
        }
    }
}
