package io.usagekit.verification.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.Freshness;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.redis.RedisUsage;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.io.TempDir;

/**
 * Callers and computations on virtual threads, over both servers, and Flight Recorder looks on: nothing holds on to the thread
 * that carries it.
 */
@EnabledForJreRange(min = JRE.JAVA_21, disabledReason = "virtual threads came with JDK 21")
class VirtualThreadsIT {

    private static final String PINNED = "jdk.VirtualThreadPinned";
    private static final int CALLERS = 2_000;
    private static final int WINDOWS = 200;

    @TempDir
    private Path directory = Path.of("");

    @Test
    void callersAndComputationsDoNotPin() throws Exception {
        AtomicInteger onVirtualThreads = new AtomicInteger();
        try (WholeSystem system = new WholeSystem();
                VirtualThreads threads = new VirtualThreads();
                UsageService usage = service(system, threads, onVirtualThreads)) {
            callAll(usage, threads, 0); // classes are loaded, which pins, whatever one does
            onVirtualThreads.set(0);
            List<RecordedEvent> pinned = pinnedDuring(() -> {
                // Cold, then hits of both tiers, each of which is due for a refresh.
                callAll(usage, threads, WINDOWS);
                callAll(usage, threads, WINDOWS);
            });
            System.out.println("VirtualThreadsIT: " + 2 * CALLERS + " calls, " + onVirtualThreads
                    + " computations, all on virtual threads; pinned " + pinned.size() + " times");
            assertThat(onVirtualThreads.get()).isGreaterThanOrEqualTo(WINDOWS);
            assertThat(pinned).isEmpty();
        }
    }

    /** The negative control: who waits while a class is being initialised can't leave its carrier. */
    @Test
    void pinningIsSeen() throws Exception {
        try (VirtualThreads threads = new VirtualThreads()) {
            assertThat(pinnedDuring(() -> threads.submit(Pins::touch).get(1, TimeUnit.MINUTES)))
                    .isNotEmpty();
        }
    }

    private static UsageService service(WholeSystem system, VirtualThreads threads, AtomicInteger onVirtualThreads) {
        var calculator = PostgresUsage.calculator(system.pool);
        return UsageService.builder((key, timeout) -> {
                    assertThat(VirtualThreads.isVirtual(Thread.currentThread())).isTrue();
                    onVirtualThreads.incrementAndGet();
                    return calculator.calculate(key, timeout);
                })
                .cache(RedisUsage.nearCache(system.redisClient))
                .singleFlight(RedisUsage.singleFlight(system.redisClient))
                .refreshAfter(Duration.ZERO)
                .maxQueuedComputations(CALLERS)
                .executor(threads.executor)
                .build();
    }

    private static void callAll(UsageService usage, VirtualThreads threads, int firstWindow) throws Exception {
        List<Future<UsageResult>> answers = new ArrayList<>();
        for (int i = 0; i < CALLERS; i++) {
            int number = i;
            answers.add(threads.submit(() -> usage.get(
                    WholeSystem.organisation(1 + number % WholeSystem.ORGANISATIONS),
                    window(firstWindow + number % WINDOWS))));
        }
        for (int i = 0; i < CALLERS; i++) {
            UsageResult answer = answers.get(i).get(1, TimeUnit.MINUTES);
            int organisation = 1 + i % WholeSystem.ORGANISATIONS;
            assertThat(answer.freshness()).isIn(Freshness.FRESH, Freshness.STALE);
            assertThat(answer.usage().orElseThrow().received())
                    .isEqualTo(WholeSystem.expected(
                                    organisation, answer.usage().orElseThrow().createdAt())
                            .received());
        }
    }

    /** Windows that differ, all within the month, each with everything that there is in it. */
    private static UsagePeriod window(int number) {
        return UsagePeriod.between(WholeSystem.MARCH.start().plusNanos(1_000L * number), WholeSystem.MARCH.end());
    }

    private interface Step {
        void take() throws Exception;
    }

    private List<RecordedEvent> pinnedDuring(Step step) throws Exception {
        Path file = directory.resolve("recording.jfr");
        try (Recording recording = new Recording()) {
            recording.enable(PINNED).withThreshold(Duration.ZERO).withStackTrace();
            recording.start();
            step.take();
            recording.stop();
            recording.dump(file);
        }
        return read(file);
    }

    private static List<RecordedEvent> read(Path file) throws IOException {
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals(PINNED))
                .toList();
    }

    /** What the JDK that this is compiled for doesn't have yet. */
    private static final class VirtualThreads implements AutoCloseable {
        final ExecutorService executor;

        VirtualThreads() throws ReflectiveOperationException {
            executor = (ExecutorService)
                    Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        }

        static boolean isVirtual(Thread thread) {
            try {
                return (boolean) Thread.class.getMethod("isVirtual").invoke(thread);
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("no virtual threads", e);
            }
        }

        <T> Future<T> submit(Callable<T> task) {
            return executor.submit(task);
        }

        @Override
        public void close() {
            executor.shutdownNow();
        }
    }

    private static final class Pins {
        static {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
        }

        private Pins() {}

        static boolean touch() {
            return true;
        }
    }
}
