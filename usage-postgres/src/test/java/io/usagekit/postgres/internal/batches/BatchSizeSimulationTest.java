package io.usagekit.postgres.internal.batches;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Sizes of batches on a simulated server, whose clock stands still except for what it computes that a batch takes. The rule that this one
 * replaced, to halve whatever is slow, runs on the same servers as the negative control.
 */
class BatchSizeSimulationTest {

    private static final Duration TARGET = Duration.ofMillis(500);
    private static final double TARGET_MILLIS = (double) TARGET.toMillis();
    private static final double TIMEOUT = 60_000;
    private static final long FIRST = 1_000;
    private static final long MOST = 10_000;
    private static final int BATCHES = 400;
    private static final int WARM_UP = 60;
    private static final String CANCELLED = "57014";
    private static final String LOCK_NOT_AVAILABLE = "55P03";

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    /** What else the server does. */
    private enum Load {
        NONE(1.01),
        /** Times are log-normal, with a deviation of 0.3. */
        NOISE(8),
        /** One of twenty batches takes eight times as long. */
        BURSTS(4),
        /** Batches take six times as long for a while; the first of these are of the size of before. */
        TIDES(6.01);

        private final double mostOfBound;

        Load(double mostOfBound) {
            this.mostOfBound = mostOfBound;
        }

        /** How long the longest batch may take, as a multiple of the bound, without noise and bursts. */
        double mostOfBound() {
            return mostOfBound;
        }

        /** The factor by which a batch takes longer than it costs, for as long as the load lasts. */
        double level(int batch) {
            return this == TIDES && batch / 100 % 2 == 1 ? 6 : 1;
        }

        double factor(Random random, int batch) {
            return switch (this) {
                case NOISE -> Math.exp(0.3 * random.nextGaussian());
                case BURSTS -> random.nextInt(20) == 0 ? 8 : 1;
                case NONE, TIDES -> level(batch);
            };
        }
    }

    /** A server on which batches cost a fixed time and a time per row, in milliseconds. */
    private record Server(
            String name,
            double fixed,
            double perRow,
            Load load,
            double lockWaits,
            double timeoutRows,
            double rowsAtMost) {

        Server(String name, double fixed, double perRow, Load load) {
            this(name, fixed, perRow, load, 0, Double.POSITIVE_INFINITY, Double.POSITIVE_INFINITY);
        }

        Server with(String what, Load other) {
            return new Server(name + ", " + what, fixed, perRow, other, lockWaits, timeoutRows, rowsAtMost);
        }

        Server withLockWaits(double share) {
            return new Server(name + ", lock waits", fixed, perRow, load, share, timeoutRows, rowsAtMost);
        }

        Server timingOutAt(int rows) {
            return new Server(name + ", timeout at " + rows, fixed, perRow, load, lockWaits, rows, rowsAtMost);
        }

        Server withShortBatches(int rows) {
            return new Server(name + ", " + rows + " rows", fixed, perRow, load, lockWaits, timeoutRows, rows);
        }

        double time(double rows) {
            return fixed + perRow * rows;
        }

        /** How long a batch should take, at a load. */
        double longestAim(double level) {
            return Math.max(TARGET_MILLIS, fixed * level + Math.min(fixed * level, 2 * TARGET_MILLIS));
        }

        /** The size with the most rows in a second, among those that take no longer than the documented bound. */
        double best(double level) {
            double rows = (longestAim(level) / level - fixed) / Math.max(perRow, 1e-9);
            return Math.max(1, Math.min(Math.min((double) MOST, timeoutRows - 1), rows));
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** What a rule made of a server. */
    private record Outcome(double throughput, double longest, int timeouts) {}

    /** A rule of sizes: runs a batch. */
    private interface Rule {
        void run(Run run) throws SQLException;
    }

    /** A simulation under way. */
    private static final class Run {
        private final Server server;
        private final Random random;
        private double now;
        private int batches;
        private double time;
        private double best;
        private double longest;
        private int timeouts;

        Run(Server server, Random random) {
            this.server = server;
            this.random = random;
        }

        long nanoTime() {
            return (long) (now * 1e6);
        }

        void lock() throws SQLException {
            if (random.nextDouble() < server.lockWaits()) {
                now += 100;
                if (random.nextBoolean()) {
                    throw new SQLException("lock", LOCK_NOT_AVAILABLE);
                }
                now += 3_000;
            }
        }

        /** Runs a batch and returns its rows. */
        long batch(long size) throws SQLException {
            double left = server.rowsAtMost() < Double.POSITIVE_INFINITY
                    ? Math.ceil(random.nextDouble() * random.nextDouble() * server.rowsAtMost())
                    : Double.POSITIVE_INFINITY;
            double had = Math.min((double) size, left);
            double factor = server.load().factor(random, batches);
            double level = server.load().level(batches);
            boolean cancelled = had >= server.timeoutRows() || server.time(had) * factor >= TIMEOUT;
            double took = cancelled ? TIMEOUT : server.time(had) * factor;
            batches++;
            if (batches > WARM_UP) {
                time += took;
                double ideal = Math.min(left, server.best(level));
                longest = Math.max(longest, server.time(had) * level / server.longestAim(level));
                timeouts += cancelled ? 1 : 0;
                best += cancelled ? 0 : had * server.time(ideal) / ideal * factor;
            }
            now += took;
            if (cancelled) {
                throw new SQLException("timeout", CANCELLED);
            }
            return (long) had;
        }
    }

    private Outcome simulate(Server server, Function<Run, Rule> ruleOf) {
        Run run = new Run(server, new Random(seed));
        Rule rule = ruleOf.apply(run);
        while (run.batches < BATCHES) {
            try {
                rule.run(run);
            } catch (SQLException e) {
                assertThat(e.getSQLState()).isIn(LOCK_NOT_AVAILABLE, CANCELLED);
            }
        }
        return new Outcome(run.best / run.time, run.longest, run.timeouts);
    }

    private static Rule model(Run simulated) {
        AdaptiveBatchSize size = new AdaptiveBatchSize(1, FIRST, MOST, simulated::nanoTime);
        return run -> size.run(TARGET, () -> true, batch -> {
            run.lock();
            batch.start();
            long rows = run.batch(batch.size());
            batch.had(rows);
            return rows;
        });
    }

    /** Halves what took longer than the target, doubles what took less than half of it. */
    private static Rule halving(Run simulated) {
        long[] size = {FIRST};
        return run -> {
            double began = run.now;
            try {
                run.lock();
                run.batch(size[0]);
                double took = run.now - began;
                size[0] = took > TARGET_MILLIS
                        ? Math.max(1, size[0] / 2)
                        : took * 2 < TARGET_MILLIS ? Math.min(MOST, size[0] * 2) : size[0];
            } catch (SQLException e) {
                size[0] = e.getSQLState().equals(CANCELLED) ? Math.max(1, size[0] / 2) : size[0];
                throw e;
            }
        };
    }

    /** Without what happens besides. */
    private static Stream<Server> quiet() {
        return Stream.of(
                new Server("fixed 360 ms", 360, 0, Load.NONE),
                new Server("fixed 2 s", 2_000, 0, Load.NONE),
                new Server("0.01 ms a row", 0, .01, Load.NONE),
                new Server("0.5 ms a row", 0, .5, Load.NONE),
                new Server("50 ms a row", 0, 50, Load.NONE),
                new Server("20 ms and 0.3 ms a row", 20, .3, Load.NONE),
                new Server("360 ms and 0.5 ms a row", 360, .5, Load.NONE),
                new Server("2 s and 0.5 ms a row", 2_000, .5, Load.NONE));
    }

    private Outcome outcome(Server server) {
        Outcome outcome = simulate(server, BatchSizeSimulationTest::model);
        System.out.printf(
                Locale.ROOT,
                "BatchSizeSimulationTest: %s: %.2f of the best throughput, longest batch %.2f of its bound, %d timeouts;"
                        + " -Dusagekit.seed=%d%n",
                server,
                outcome.throughput(),
                outcome.longest(),
                outcome.timeouts(),
                seed);
        return outcome;
    }

    @ParameterizedTest
    @MethodSource("servers")
    void isNearTheBestSize(Server server) {
        Outcome outcome = outcome(server);
        assertThat(outcome.throughput()).isGreaterThan(server.load() == Load.NOISE ? 0.3 : 0.7);
        assertThat(outcome.longest()).isLessThan(server.load().mostOfBound());
        assertThat(outcome.timeouts()).isZero();
    }

    private static Stream<Server> servers() {
        return quiet().flatMap(server -> Stream.of(
                        server,
                        server.with("noise", Load.NOISE),
                        server.with("bursts", Load.BURSTS),
                        server.with("load that comes and goes", Load.TIDES)))
                .flatMap(server -> Stream.of(server, server.withLockWaits(.1), server.withShortBatches(2_000)));
    }

    /** The best size is the last one that doesn't time out; half of it has to do. */
    @ParameterizedTest
    @MethodSource("serversThatTimeOut")
    void seldomTriesWhatTimedOut(Server server) {
        Outcome outcome = outcome(server);
        assertThat(outcome.throughput()).isGreaterThan(0.3);
        assertThat(outcome.timeouts()).isLessThan(3);
    }

    private static Stream<Server> serversThatTimeOut() {
        return quiet().flatMap(server -> Stream.of(server, server.with("noise", Load.NOISE)))
                .map(server -> server.timingOutAt(300));
    }

    @ParameterizedTest
    @MethodSource("serversOfFixedCost")
    void halvingCollapsesWhereTheCostIsFixed(Server server) {
        assertThat(simulate(server, BatchSizeSimulationTest::halving).throughput())
                .isLessThan(0.2);
    }

    private static Stream<Server> serversOfFixedCost() {
        Server planned = new Server("360 ms and 0.5 ms a row", 360, .5, Load.NONE);
        return Stream.of(
                new Server("fixed 2 s", 2_000, 0, Load.NONE),
                new Server("2 s and 0.5 ms a row", 2_000, .5, Load.NONE),
                planned.with("bursts", Load.BURSTS),
                planned.with("load that comes and goes", Load.TIDES),
                planned.withLockWaits(.1));
    }

    @Test
    void halvingTimesOutAgainAndAgain() {
        Server server = new Server("0.5 ms a row", 0, .5, Load.NONE).timingOutAt(300);
        assertThat(simulate(server, BatchSizeSimulationTest::halving).timeouts())
                .isGreaterThan(100);
    }
}
