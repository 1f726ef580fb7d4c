package io.usagekit.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.benchmarks.Comparison.Result;
import io.usagekit.benchmarks.Comparison.Spread;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ComparisonTest {

    private final List<String> turns = new ArrayList<>();

    /** Takes what the list says, slice after slice. */
    private Peer peer(String name, double... nanos) {
        return new Peer() {
            private int slices;

            @Override
            public String name() {
                return name;
            }

            @Override
            public double measure() {
                turns.add(name);
                return nanos[slices++];
            }
        };
    }

    @Test
    void eachRoundBeginsWithAnotherPeer() {
        new Comparison(List.of(peer("a", 1, 1, 1), peer("b", 1, 1, 1), peer("c", 1, 1, 1))).run(0, 3, done -> {});
        assertThat(turns).containsExactly("a", "b", "c", "b", "c", "a", "c", "a", "b");
    }

    @Test
    void warmingUpDoesNotCountAndEveryRoundIsReported() {
        List<Integer> progress = new ArrayList<>();
        List<Result> results = new Comparison(List.of(peer("a", 1_000, 10, 20, 30))).run(1, 3, progress::add);
        assertThat(results)
                .singleElement()
                .satisfies(result -> assertThat(result.nanos()).isEqualTo(new Spread(15, 20, 25)));
        assertThat(progress).containsExactly(1, 2, 3, 4);
    }

    @Test
    void aRatioIsTakenWithinARound() {
        // The machine is ten times slower in the second round: each is twice as slow as the other all the same.
        List<Result> results = new Comparison(List.of(peer("a", 1, 10, 2), peer("b", 2, 20, 4))).run(0, 3, done -> {});
        assertThat(results.get(0).ratio()).isEqualTo(new Spread(1, 1, 1));
        assertThat(results.get(1).ratio()).isEqualTo(new Spread(2, 2, 2));
        assertThat(results.get(1).nanos()).isEqualTo(new Spread(3, 4, 12));
    }

    @Test
    void quartilesAreInterpolated() {
        List<Double> values =
                IntStream.rangeClosed(1, 4).mapToObj(i -> (double) i).toList();
        assertThat(Spread.of(values)).isEqualTo(new Spread(1.75, 2.5, 3.25));
        assertThat(Spread.of(List.of(7.0))).isEqualTo(new Spread(7, 7, 7));
    }

    @Test
    void aPeerIsNumberedThroughItsSlices() {
        List<Integer> numbers = new ArrayList<>();
        Peer peer = Peer.median("a", 2, numbers::add);
        assertThat(peer.measure()).isNotNegative();
        assertThat(peer.measure()).isNotNegative();
        assertThat(numbers).containsExactly(0, 1, 2, 3);
    }

    @Test
    void theMeanIsOfOneOfThem() {
        List<Integer> times = new ArrayList<>();
        assertThat(Peer.mean("a", 100, times::add).measure()).isNotNegative();
        assertThat(times).containsExactly(100);
    }

    @Test
    void timesArePrintedInTheUnitThatSuitsThem() {
        assertThat(Comparison.time(12.34)).isEqualTo("12.3 ns");
        assertThat(Comparison.time(12_345)).isEqualTo("12.3 us");
        assertThat(Comparison.time(12_345_678)).isEqualTo("12.35 ms");
    }

    @Test
    void thereMustBeABaseline() {
        assertThatThrownBy(() -> new Comparison(List.of())).hasMessageContaining("peers must have at least 1");
    }
}
