package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SharedReadsTest {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final UsageKey OTHER = new UsageKey("org-456", KEY.period());

    private final List<CompletableFuture<Optional<AgedUsage>>> sent = new ArrayList<>();
    private final SharedReads reads = new SharedReads(key -> {
        CompletableFuture<Optional<AgedUsage>> answer = new CompletableFuture<>();
        sent.add(answer);
        return answer;
    });

    private static Optional<AgedUsage> figure(long volume) {
        return Optional.of(new AgedUsage(
                new OrganisationUsage(KEY, new UsageMetrics(volume, 0), new UsageMetrics(0, 0), Instant.EPOCH),
                Duration.ZERO));
    }

    private static long volume(CompletionStage<Optional<AgedUsage>> answer) {
        assertThat(answer.toCompletableFuture()).isDone();
        return answer.toCompletableFuture()
                .join()
                .orElseThrow()
                .usage()
                .received()
                .volume();
    }

    private List<CompletionStage<Optional<AgedUsage>>> calls(int count) {
        return IntStream.range(0, count).mapToObj(i -> reads.read(KEY)).toList();
    }

    @Test
    void twoReadsAreUnderWayAndTheOthersShareTheNext() {
        List<CompletionStage<Optional<AgedUsage>>> calls = calls(10);
        assertThat(sent).hasSize(2);

        sent.get(1).complete(figure(1));
        assertThat(sent).hasSize(3);
        assertThat(volume(calls.get(1))).isEqualTo(1);

        sent.get(2).complete(figure(2));
        assertThat(calls.subList(2, 10))
                .allSatisfy(call -> assertThat(volume(call)).isEqualTo(2));
        assertThat(calls.get(0).toCompletableFuture()).isNotDone();
        sent.get(0).complete(figure(0));
        assertThat(volume(calls.get(0))).isZero();
        assertThat(sent).hasSize(3);
    }

    @Test
    void keysWaitForThemselvesOnly() {
        calls(3);

        var unused = reads.read(OTHER);

        assertThat(sent).hasSize(3);
    }

    @Test
    void aFailureIsThatOfItsOwnCalls() {
        List<CompletionStage<Optional<AgedUsage>>> calls = calls(4);

        sent.get(0).completeExceptionally(new UsageCacheException("away", null));
        sent.get(2).complete(figure(2));

        assertThatThrownBy(() -> volume(calls.get(0)))
                .isInstanceOf(CompletionException.class)
                .hasRootCauseMessage("away");
        assertThat(volume(calls.get(3))).isEqualTo(2);
    }

    @Test
    void aCallerThatGivesUpLeavesTheOthersTheirAnswer() {
        List<CompletionStage<Optional<AgedUsage>>> calls = calls(4);

        calls.get(2).toCompletableFuture().cancel(true);
        sent.get(0).complete(figure(0));
        sent.get(2).complete(figure(2));

        assertThat(volume(calls.get(3))).isEqualTo(2);
    }

    @Test
    void aCacheThatThrowsFailsTheCalls() {
        SharedReads throwing = new SharedReads(key -> {
            throw new IllegalStateException("thrown");
        });

        for (int i = 0; i < 4; i++) {
            CompletionStage<Optional<AgedUsage>> call = throwing.read(KEY);
            assertThatThrownBy(() -> volume(call)).hasRootCauseMessage("thrown");
        }
    }

    /** Threads read a number that each of them has raised before: none may find an older one, and none waits for ever. */
    @Test
    void everyCallIsAnsweredByAReadThatBeganAfterIt() throws Exception {
        AtomicLong stored = new AtomicLong();
        ExecutorService server = Executors.newFixedThreadPool(2);
        ExecutorService callers = Executors.newFixedThreadPool(8);
        SharedReads shared = new SharedReads(key -> CompletableFuture.supplyAsync(() -> figure(stored.get()), server));
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int caller = 0; caller < 8; caller++) {
                ends.add(callers.submit(() -> {
                    for (int i = 0; i < 2_000; i++) {
                        long before = stored.incrementAndGet();
                        CompletionStage<Optional<AgedUsage>> call =
                                shared.read(ThreadLocalRandom.current().nextInt(4) == 0 ? OTHER : KEY);
                        call.toCompletableFuture().join();
                        assertThat(volume(call)).isGreaterThanOrEqualTo(before);
                    }
                }));
            }
            for (Future<?> end : ends) {
                end.get();
            }
        } finally {
            callers.shutdownNow();
            server.shutdownNow();
        }
    }
}
