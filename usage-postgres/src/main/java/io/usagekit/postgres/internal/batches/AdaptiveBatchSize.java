package io.usagekit.postgres.internal.batches;

import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;

/**
 * The size of the next batch, chosen by a model of what the last ones cost: a fixed time {@code f} and a time {@code c} per row ({@link
 * BatchCosts}). With the target {@code T} the rows of a batch are to take
 *
 * <pre>{@code max(T - f, min(f, 2 T))}</pre>
 *
 * <p>So a batch takes the target, as long as half of it is left for rows. Where the fixed cost is more, e.g. the planning over many
 * partitions, smaller batches would only pay it more often: there the rows take as long as the fixed cost, and a row costs at most twice
 * what it costs without one. But rows never take more than twice the target: the longest batch takes {@code f + 2 T}.
 *
 * <p>The bounds of a change: a batch is at most twice as large as the largest of the last ones (and one row), half as large again after one
 * that took longer than the target; it shrinks to what the model says, but to a quarter at most after one that wasn't half full. Where
 * batches have the same size, one of five is half as large, so that the two costs can be told apart.
 *
 * <p>A batch that a timeout cancels is halved in any case. Its size isn't tried again before others have worked for {@value #PATIENCE} times
 * as long as the cancelled batches.
 *
 * <p>Waits for locks aren't measured where a batch {@linkplain Batch#start starts} when it has them, nor are attempts that fail for one.
 * Others are outliers to the model; a batch limits them by a {@code lock_timeout} that is shorter than its statements' timeout, so that
 * they end with another SQLSTATE. Not thread-safe.
 */
public final class AdaptiveBatchSize {

    /** What the rows of a batch may take at most, in targets. */
    private static final double MAX_TARGETS = 2;

    private static final double GROWTH = 2;
    private static final double GROWTH_BEYOND_TARGET = 1.5;
    private static final double SHRINKING_IF_SHORT = 4;
    private static final int PATIENCE = 20;

    private final long least;
    private final long most;
    private final LongSupplier nanoTime;
    private final BatchCosts costs = new BatchCosts();

    private long current;

    /** Whether the greatest size takes no longer than the target: then it doesn't matter why. */
    private boolean fits;

    /** No batch is larger. */
    private long ceiling;

    /** The size that timed out last, until as many rows have been completed. */
    private long timedOut = Long.MAX_VALUE;

    /** How long the batches took that the last timeouts cancelled. */
    private long lost;

    /** How long batches have worked since. */
    private long worked;

    private boolean hasTimedOut;

    /**
     * Creates a size between bounds.
     *
     * @param first the size of the first batch
     */
    public AdaptiveBatchSize(long least, long first, long most) {
        this(least, first, most, System::nanoTime);
    }

    AdaptiveBatchSize(long least, long first, long most, LongSupplier nanoTime) {
        this.least = least;
        this.current = first;
        this.most = most;
        this.nanoTime = nanoTime;
        this.ceiling = most;
    }

    /** Work on one batch. */
    @FunctionalInterface
    public interface Step<T> {
        public T run(Batch batch) throws SQLException;
    }

    /** A batch under way. */
    public static final class Batch {
        private final long size;
        private final LongSupplier nanoTime;
        private long began;
        private long rows;

        private Batch(long size, LongSupplier nanoTime) {
            this.size = size;
            this.nanoTime = nanoTime;
            this.rows = size;
            start();
        }

        /** How many rows the batch may have. */
        public long size() {
            return size;
        }

        /** Starts the measurement, once more where the batch is tried again: when its locks are acquired. */
        public void start() {
            began = nanoTime.getAsLong();
        }

        /** Says how many rows there were; without it, as many as the batch may have. */
        public void had(long number) {
            rows = number;
        }
    }

    /**
     * Runs a batch of the size that fits the target; a batch that a timeout cancels is tried again at half its size.
     *
     * @param target how long a batch should take
     * @param mayRetry whether it may be tried again; if not, the next call begins with the halved size
     * @throws SQLException the batch's
     */
    public <T> T run(Duration target, BooleanSupplier mayRetry, Step<T> step) throws SQLException {
        while (true) {
            Batch batch = new Batch(nextSize(), nanoTime);
            try {
                T result = step.run(batch);
                completed(batch, nanoTime.getAsLong() - batch.began, target.toNanos());
                return result;
            } catch (SQLException e) {
                if (!SqlErrors.isCancelled(e)
                        || !halve(batch.size, nanoTime.getAsLong() - batch.began)
                        || !mayRetry.getAsBoolean()) {
                    throw e;
                }
            }
        }
    }

    private long nextSize() {
        return fits || costs.isSpread(current) ? current : Math.max(least, current / 2);
    }

    private void completed(Batch batch, long took, long target) {
        costs.add(batch.rows, took);
        raiseCeiling(batch.rows, took);
        double wanted = Math.max(shrunk(batch), Math.min(wanted((double) target), grown(took <= target)));
        current = (long) Math.max((double) least, Math.min(wanted, (double) ceiling));
        fits = current == most && took <= target;
    }

    /** Returns the size that the model says, which is the current one as far as that is plausible. */
    private double wanted(double target) {
        BatchCosts.Estimate estimate = costs.estimate();
        double forRows = Math.max(target - estimate.fixed(), Math.min(estimate.fixed(), MAX_TARGETS * target));
        double fitsAtMostCost = forRows / estimate.mostPerRow(); // infinite if rows cost nothing
        double fitsAtLeastCost = forRows / estimate.leastPerRow();
        return Math.max(fitsAtMostCost, Math.min((double) current, fitsAtLeastCost));
    }

    private double grown(boolean withinTarget) {
        double factor = withinTarget ? GROWTH : GROWTH_BEYOND_TARGET;
        return Math.max((double) current, (double) costs.largest() * factor + 1);
    }

    private double shrunk(Batch batch) {
        return batch.rows < batch.size / 2 ? (double) current / SHRINKING_IF_SHORT : (double) least;
    }

    /** Raises the ceiling once the batches under it have worked for long enough. */
    private void raiseCeiling(long rows, long took) {
        hasTimedOut = false;
        worked += took;
        if (rows >= timedOut) {
            timedOut = Long.MAX_VALUE;
            ceiling = most;
        } else if (worked >= PATIENCE * lost) {
            worked = 0;
            ceiling = Math.min(most, ceiling * 2);
        }
    }

    /** Halves the size down to the least; returns whether it could. */
    private boolean halve(long size, long took) {
        current = Math.max(least, size / 2);
        if (!hasTimedOut) {
            ceiling = current;
            timedOut = size;
            lost = 0;
        }
        fits = false;
        hasTimedOut = true;
        lost += took;
        worked = 0;
        return size > least;
    }
}
