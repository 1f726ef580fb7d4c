package io.usagekit.benchmarks;

import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Peers measured in turn, a short slice each, round after round, and each round in another order: what the machine does besides
 * happens to all of them. A ratio is taken within a round.
 */
final class Comparison {

    /** Half of the values lie between the quartiles. */
    record Spread(double lowerQuartile, double median, double upperQuartile) {

        static Spread of(List<Double> values) {
            List<Double> sorted = values.stream().sorted().toList();
            return new Spread(at(sorted, 0.25), at(sorted, 0.5), at(sorted, 0.75));
        }

        /** By linear interpolation between the closest ranks. */
        private static double at(List<Double> sorted, double fraction) {
            double rank = fraction * (sorted.size() - 1);
            double below = sorted.get((int) Math.floor(rank));
            double above = sorted.get((int) Math.ceil(rank));
            return below + (above - below) * (rank - Math.floor(rank));
        }
    }

    /** What came of one peer: nanoseconds, and how many times those of the baseline. */
    record Result(String name, Spread nanos, Spread ratio) {}

    private final List<Peer> peers;

    /** The first one is the baseline. */
    Comparison(List<Peer> peers) {
        if (peers.isEmpty()) {
            throw new IllegalArgumentException("peers must have at least 1, but has none");
        }
        this.peers = List.copyOf(peers);
    }

    /**
     * Measures.
     *
     * @param warmUp rounds that don't count
     * @param rounds rounds that do
     * @param progress told the number of rounds done
     */
    List<Result> run(int warmUp, int rounds, IntConsumer progress) {
        double[][] nanos = new double[peers.size()][rounds];
        for (int round = -warmUp; round < rounds; round++) {
            for (int turn = 0; turn < peers.size(); turn++) {
                int peer = Math.floorMod(round + turn, peers.size());
                double measured = peers.get(peer).measure();
                if (round >= 0) {
                    nanos[peer][round] = measured;
                }
            }
            progress.accept(round + warmUp + 1);
        }
        List<Result> results = new ArrayList<>();
        for (int peer = 0; peer < peers.size(); peer++) {
            double[] own = nanos[peer];
            results.add(new Result(
                    peers.get(peer).name(),
                    Spread.of(IntStream.range(0, rounds).mapToObj(i -> own[i]).toList()),
                    Spread.of(IntStream.range(0, rounds)
                            .mapToObj(i -> own[i] / nanos[0][i])
                            .toList())));
        }
        return results;
    }

    /** For people to read. */
    static String table(List<Result> results) {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        results,
                        List.of(
                                column("", HorizontalAlign.LEFT).with(Result::name),
                                column("median", HorizontalAlign.RIGHT)
                                        .with(result -> time(result.nanos().median())),
                                column("quartiles", HorizontalAlign.RIGHT)
                                        .with(result -> time(result.nanos().lowerQuartile()) + " to "
                                                + time(result.nanos().upperQuartile())),
                                column("ratio", HorizontalAlign.RIGHT)
                                        .with(result -> ratio(result.ratio().median())),
                                column("quartiles", HorizontalAlign.RIGHT)
                                        .with(result -> ratio(result.ratio().lowerQuartile()) + " to "
                                                + ratio(result.ratio().upperQuartile()))))
                .asString();
    }

    private static Column column(String header, HorizontalAlign align) {
        return new Column().header(header).headerAlign(align).dataAlign(align);
    }

    /** Of three digits or so, in the unit that suits it. */
    static String time(double nanos) {
        if (nanos < 1e3) {
            return String.format(Locale.ROOT, "%.1f ns", nanos);
        }
        return nanos < 1e6
                ? String.format(Locale.ROOT, "%.1f us", nanos / 1e3)
                : String.format(Locale.ROOT, "%.2f ms", nanos / 1e6);
    }

    private static String ratio(double ratio) {
        return String.format(Locale.ROOT, ratio < 10 ? "%.2f" : "%.0f", ratio);
    }
}
