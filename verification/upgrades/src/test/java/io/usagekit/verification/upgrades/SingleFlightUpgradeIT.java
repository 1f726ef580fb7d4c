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

    /** The previous version can't read what this one stores, since it names its key: its callers share one computation more. */
    @ParameterizedTest
    @MethodSource("bothDirections")
    void callersOfBothVersionsShareOneComputation(Release leading, Release following) throws Exception {
        Gate leaders = new Gate(1);
        Gate followers = new Gate(2).open();
        List<CompletableFuture<Figure>> led = new ArrayList<>();
        List<CompletableFuture<Figure>> followed = new ArrayList<>();
        boolean isReadable = leading.name().equals("previous");
        try (Instance leader = leading.start(Servers.redisUrl(), leaders);
                Instance follower = following.start(Servers.redisUrl(), followers)) {
            led.add(ask(leader));
            leaders.awaitStart();
            for (int i = 0; i < 8; i++) {
                followed.add(ask(follower));
                led.add(ask(leader));
            }
            leaders.open();

            Figure figure = answer(led.get(0));
            for (CompletableFuture<Figure> call : led) {
                assertThat(answer(call)).isEqualTo(figure);
            }
            Figure theirs = isReadable ? figure : answer(followed.get(0));
            for (CompletableFuture<Figure> call : followed) {
                assertThat(answer(call)).isEqualTo(theirs);
            }
        }
        assertThat(leaders.count).hasValue(1);
        assertThat(followers.count).hasValue(isReadable ? 0 : 1);
    }

    @Test
    void aLeaderThatLostItsLeaseDoesntOverwriteTheNewerFigure() throws Exception {
        Gate older = new Gate(1);
        Gate newer = new Gate(2).open();
        Figure stored = assertOvertaken(Baseline.present(), older, Baseline.previous(), newer);

        assertThat(stored.receivedVolume()).as("answer of the paused leader").isEqualTo(2);
        assertThat(older.count).hasValue(1);
        assertThat(newer.count).hasValue(1);
    }

    /** It can't read the newer figure, which names its key, and replaces it by one that is newer still. */
    @Test
    void aLeaderOfThePreviousVersionThatLostItsLeaseComputesAgain() throws Exception {
        assertComputesAgain(Baseline.previous());
    }

    private static void assertComputesAgain(Release paused) throws Exception {
        Gate older = new Gate(1);
        Gate newer = new Gate(2).open();
        assertOvertaken(paused, older, Baseline.present(), newer);

        assertThat(older.count).as("computations of the paused leader").hasValue(2);
        assertThat(newer.count).hasValue(1);
    }

    /** Returns the answer of a leader that was paused while another one acquired its lease and stored a figure; it is what is stored then. */
    private static Figure assertOvertaken(Release paused, Gate older, Release next, Gate newer) throws Exception {
        try (Instance first = paused.start(Servers.redisUrl(), older);
                Instance second = next.start(Servers.redisUrl(), newer)) {
            CompletableFuture<Figure> late = ask(first);
            older.awaitStart();
            Servers.redis(commands -> commands.del(LOCK)); // as if the lease had expired
            assertThat(answer(ask(second)).receivedVolume()).isEqualTo(2);
            older.open();

            Figure figure = answer(late);
            String value = Servers.redis(commands -> commands.get("usage:org-123:2026-03"));
            assertThat(value).contains(" computed=" + figure.computedAt() + " ");
            return figure;
        }
    }

    /** A version whose fences the other one doesn't see would overwrite the newer figure: the suite can fail. */
    @Test
    void aScriptThatIgnoresFencesIsDetected() {
        Release wrong = Baseline.changed(
                "redis/publish.lua", "elseif known.issued == fence then", "elseif known.issued >= fence then");

        assertThatThrownBy(() -> assertComputesAgain(wrong))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("computations of the paused leader");
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
