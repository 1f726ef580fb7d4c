package io.usagekit.verification.upgrades;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.verification.upgrades.Release.Instance;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One computation for the processes of both versions; leases, fences and failures of one are respected by the other. */
class SingleFlightUpgradeIT {

    private static final String ORGANISATION = "org-123";
    private static final String MARCH = "2026-03";
    private static final String LOCK = "usage:lock:{usage:org-123:2026-03}";
    private static final int LIMIT_SECONDS = 30;

    private static final ExecutorService CALLERS = Executors.newCachedThreadPool();

    /** A calculation that waits until it is released, and counts. */
    private static final class Gate implements Release.Calculation {

        private final long number;
        private final CountDownLatch started = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
        private final AtomicInteger count = new AtomicInteger();

        Gate(long number) {
            this.number = number;
        }

        @Override
        public long[] compute(String organisation, String period) {
            count.incrementAndGet();
            started.countDown();
            await(released);
            return new long[] {number, number, number, number};
        }

        void awaitStart() {
            await(started);
        }

        Gate open() {
            released.countDown();
            return this;
        }

        private static void await(CountDownLatch latch) {
            try {
                if (!latch.await(LIMIT_SECONDS, SECONDS)) {
                    throw new IllegalStateException("not released in " + LIMIT_SECONDS + " s");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
    }

    static Stream<Arguments> bothDirections() {
        return Stream.of(
                Arguments.of(Baseline.previous(), Baseline.present()),
                Arguments.of(Baseline.present(), Baseline.previous()));
    }

    @BeforeEach
    void clear() {
        Servers.clearRedis();
    }

    @AfterAll
    static void end() {
        CALLERS.shutdownNow();
    }

    private static CompletableFuture<Figure> ask(Instance process) {
        return CompletableFuture.supplyAsync(() -> process.get(ORGANISATION, MARCH), CALLERS);
    }

    private static Figure answer(CompletableFuture<Figure> call) throws Exception {
        return call.get(LIMIT_SECONDS, SECONDS);
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void callersOfBothVersionsShareOneComputation(Release leading, Release following) throws Exception {
        Gate leaders = new Gate(1);
        Gate followers = new Gate(2).open();
        try (Instance leader = leading.start(Servers.redisUrl(), leaders);
                Instance follower = following.start(Servers.redisUrl(), followers)) {
            List<CompletableFuture<Figure>> calls = new ArrayList<>(List.of(ask(leader)));
            leaders.awaitStart();
            for (int i = 0; i < 8; i++) {
                calls.add(ask(follower));
                calls.add(ask(leader));
            }
            leaders.open();

            Figure figure = answer(calls.get(0));
            for (CompletableFuture<Figure> call : calls) {
                assertThat(answer(call)).isEqualTo(figure);
            }
        }
        assertThat(leaders.count).hasValue(1);
        assertThat(followers.count).hasValue(0);
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void aLeaderThatLostItsLeaseDoesntOverwriteTheNewerFigure(Release paused, Release next) throws Exception {
        assertNewerFigureStays(paused, next);
    }

    private static void assertNewerFigureStays(Release paused, Release next) throws Exception {
        Gate older = new Gate(1);
        Gate newer = new Gate(2).open();
        try (Instance first = paused.start(Servers.redisUrl(), older);
                Instance second = next.start(Servers.redisUrl(), newer)) {
            CompletableFuture<Figure> late = ask(first);
            older.awaitStart();
            Servers.redis(commands -> commands.del(LOCK)); // as if the lease had expired
            Figure stored = answer(ask(second));
            assertThat(stored.receivedVolume()).isEqualTo(2);
            older.open();

            assertThat(answer(late)).as("answer of the paused leader").isEqualTo(stored);
            String value = Servers.redis(commands -> commands.get("usage:org-123:2026-03"));
            assertThat(value).startsWith("v1 received=2/2 sent=2/2 ");
        }
        assertThat(older.count).hasValue(1);
        assertThat(newer.count).hasValue(1);
    }

    /** A version whose fences the other one doesn't see would overwrite the newer figure: the suite can fail. */
    @Test
    void aScriptThatIgnoresFencesIsDetected() {
        Release wrong = Baseline.changed(
                "redis/publish.lua", "elseif known.issued == fence then", "elseif known.issued >= fence then");

        assertThatThrownBy(() -> assertNewerFigureStays(wrong, Baseline.present()))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("answer of the paused leader");
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void aFigureInvalidatedByTheOtherVersionIsntStored(Release leading, Release invalidating) throws Exception {
        Gate stale = new Gate(1);
        Gate current = new Gate(2).open();
        try (Instance leader = leading.start(Servers.redisUrl(), stale);
                Instance other = invalidating.start(Servers.redisUrl(), current)) {
            CompletableFuture<Figure> call = ask(leader);
            stale.awaitStart();
            other.invalidate(ORGANISATION, MARCH);
            stale.open();
            answer(call);

            assertThat(answer(ask(other)).receivedVolume()).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @MethodSource("bothDirections")
    void aFailureOfOneVersionBacksTheOtherOneOff(Release failing, Release backingOff) {
        Gate unused = new Gate(2).open();
        Release.Calculation broken = (organisation, period) -> {
            throw new IllegalStateException("the database is down");
        };
        try (Instance first = failing.start(Servers.redisUrl(), broken);
                Instance second = backingOff.start(Servers.redisUrl(), unused)) {
            assertThatThrownBy(() -> first.get(ORGANISATION, MARCH)).isInstanceOf(RuntimeException.class);

            assertThatThrownBy(() -> second.get(ORGANISATION, MARCH))
                    .isInstanceOf(RuntimeException.class)
                    .hasMessageContaining("the database is down");
        }
        assertThat(unused.count).hasValue(0);
    }
}
