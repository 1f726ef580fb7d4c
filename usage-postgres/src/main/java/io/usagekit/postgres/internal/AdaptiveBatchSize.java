package io.usagekit.postgres.internal;

import java.sql.SQLException;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * The size of the next batch: halved when a batch took longer than its budget, doubled when it took less than half of it. A wait for a
 * lock says nothing about the size: a batch limits it by a {@code lock_timeout} that is shorter than its statements' timeout, so that
 * it ends with another SQLSTATE. Not thread-safe.
 */
public final class AdaptiveBatchSize {

    private final long least;
    private final long most;
    private long current;

    public AdaptiveBatchSize(long least, long first, long most) {
        this.least = least;
        this.current = first;
        this.most = most;
    }

    /** Work on one batch. */
    @FunctionalInterface
    public interface Step<T> {
        public T run(long size) throws SQLException;
    }

    /**
     * Runs a batch of the size that fits the budget; a batch that a timeout cancels is tried again at half its size.
     *
     * @param mayRetry whether it may be tried again; if not, the next call begins with the halved size
     * @throws SQLException the batch's
     */
    public <T> T run(Duration budget, BooleanSupplier mayRetry, Step<T> step) throws SQLException {
        while (true) {
            long began = System.nanoTime();
            try {
                T result = step.run(current);
                took(Duration.ofNanos(System.nanoTime() - began), budget);
                return result;
            } catch (SQLException e) {
                if (!SqlErrors.isCancelled(e) || !halve() || !mayRetry.getAsBoolean()) {
                    throw e;
                }
            }
        }
    }

    private void took(Duration duration, Duration budget) {
        if (duration.compareTo(budget) > 0) {
            halve();
        } else if (duration.multipliedBy(2).compareTo(budget) < 0) {
            current = Math.min(most, current * 2);
        }
    }

    /** Halves the size down to the least; returns whether it could. */
    private boolean halve() {
        boolean can = current > least;
        current = Math.max(least, current / 2);
        return can;
    }
}
