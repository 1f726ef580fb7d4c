package io.usagekit.cli.demo;

/** How large webhooks are: the quantiles of 329 real ones, and a straight line between each two. */
final class PayloadSizes {

    private static final double[] QUANTILE = {0, 0.25, 0.5, 0.75, 0.9, 0.99, 1};
    private static final int[] OCTETS = {964, 6_400, 7_800, 11_600, 23_600, 26_200, 27_000};

    private PayloadSizes() {}

    /**
     * The size at a quantile.
     *
     * @param quantile in [0, 1)
     */
    static int at(double quantile) {
        int upper = 1;
        while (QUANTILE[upper] < quantile) {
            upper++;
        }
        double fraction = (quantile - QUANTILE[upper - 1]) / (QUANTILE[upper] - QUANTILE[upper - 1]);
        return (int) (OCTETS[upper - 1] + fraction * (OCTETS[upper] - OCTETS[upper - 1]));
    }
}
