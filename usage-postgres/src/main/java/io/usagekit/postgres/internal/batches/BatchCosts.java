package io.usagekit.postgres.internal.batches;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * Estimates from the last {@value #WINDOW} batches what a batch costs: {@code fixed + perRow * rows}. The time per row is the weighted
 * median of the slopes between each batch and the next {@value #NEIGHBOURS} ones, weighted by the difference of their rows; the fixed cost
 * is the median of what is left of each batch's time. (H. Theil, "A rank-invariant method of linear and polynomial regression analysis",
 * 1950; P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968; weighted: L. A. Jaeckel, "Estimating regression
 * coefficients by minimizing the dispersion of the residuals", 1972.) Single outliers have no effect on medians, where they do on least
 * squares. Both costs are scaled by the median of how the last {@value #RECENT} batches compare with them: a change of load counts with the
 * second batch, and a single slow batch doesn't. Not thread-safe.
 */
final class BatchCosts {

    private static final int WINDOW = 16;

    private static final int RECENT = 3;

    /** With how many of those after it a batch is compared: the load of two that are further apart may differ. */
    private static final int NEIGHBOURS = 4;

    /** Sizes that differ by less than this factor say too little of the time per row. */
    private static final double SPREAD = 1.5;

    /** How many large batches there are for a small one. */
    private static final int LARGE_PER_SMALL = 4;

    private static final double MEDIAN = 0.5;
    private static final double LEAST = 0.25;
    private static final double MOST = 0.75;

    private final Deque<Batch> batches = new ArrayDeque<>();

    private record Batch(double rows, double time) {}

    /** A number and its weight. */
    private record Weighted(double value, double weight) {}

    /**
     * Costs in nanoseconds.
     *
     * @param leastPerRow the time per row that three quarters of the pairs of batches exceed
     * @param mostPerRow the time per row that a quarter of them exceeds
     */
    record Estimate(double fixed, double leastPerRow, double mostPerRow) {}

    /** Records a batch. */
    void add(long rows, long nanos) {
        batches.addLast(new Batch((double) rows, (double) nanos));
        if (batches.size() > WINDOW) {
            batches.removeFirst();
        }
    }

    /** The rows of the largest batch. */
    long largest() {
        return (long) batches.stream().mapToDouble(Batch::rows).max().orElse(0);
    }

    /** Whether batches differ enough for the costs to be told apart, if the next one has this size. */
    boolean isSpread(long next) {
        double largest = (double) largest();
        if ((double) next >= largest * SPREAD) {
            return true;
        }
        long smaller = batches.stream()
                .filter(batch -> batch.rows() * SPREAD <= largest)
                .count();
        return smaller * LARGE_PER_SMALL >= batches.size() - 1;
    }

    /** Estimates the costs; there has to be a batch. */
    Estimate estimate() {
        // What a row would cost if there were no fixed cost.
        double most = median(batches, batch -> batch.time() / Math.max(1, batch.rows()));
        List<Weighted> slopes = slopes();
        if (slopes.isEmpty()) {
            slopes = List.of(new Weighted(most, 1));
        }
        double perRow = perRow(slopes, MEDIAN, most);
        double fixed = Math.max(0, median(batches, batch -> batch.time() - perRow * batch.rows()));
        double load = median(
                batches.stream().skip(Math.max(0, batches.size() - RECENT)).toList(),
                batch -> batch.time() / Math.max(1, fixed + perRow * batch.rows()));
        return new Estimate(fixed * load, perRow(slopes, LEAST, most) * load, perRow(slopes, MOST, most) * load);
    }

    private static double perRow(List<Weighted> slopes, double share, double most) {
        return Math.min(most, Math.max(0, quantile(slopes, share)));
    }

    /** The slopes between pairs of batches, in ascending order. */
    private List<Weighted> slopes() {
        List<Batch> all = List.copyOf(batches);
        List<Weighted> slopes = new ArrayList<>();
        for (int i = 0; i < all.size(); i++) {
            for (int j = i + 1; j < Math.min(all.size(), i + 1 + NEIGHBOURS); j++) {
                double rows = all.get(j).rows() - all.get(i).rows();
                if (rows != 0) {
                    slopes.add(new Weighted((all.get(j).time() - all.get(i).time()) / rows, Math.abs(rows)));
                }
            }
        }
        slopes.sort(Comparator.comparingDouble(Weighted::value));
        return slopes;
    }

    private static double median(Iterable<Batch> batches, ToDoubleFunction<Batch> value) {
        List<Weighted> values = new ArrayList<>();
        batches.forEach(batch -> values.add(new Weighted(value.applyAsDouble(batch), 1)));
        values.sort(Comparator.comparingDouble(Weighted::value));
        return quantile(values, MEDIAN);
    }

    /** Returns the value below which this share of the weight is; they are in ascending order. */
    private static double quantile(List<Weighted> values, double share) {
        double left = share * values.stream().mapToDouble(Weighted::weight).sum();
        for (Weighted value : values) {
            left -= value.weight();
            if (left <= 0) {
                return value.value();
            }
        }
        return values.get(values.size() - 1).value();
    }
}
