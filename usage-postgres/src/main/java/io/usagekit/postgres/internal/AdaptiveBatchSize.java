package io.usagekit.postgres.internal;

import java.sql.SQLException;
import java.time.Duration;

/**
 * How much a step takes on: less when it took longer than its budget, more when it took less than half of it. Not thread-safe.
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

    /** What is done at one time. */
    @FunctionalInterface
    public interface Step<T> {
        public T run(long size) throws SQLException;
    }

    /** Takes a step of the size that fits the budget; one that can't be done within its timeout is tried at half of it. */
    public <T> T run(Duration budget, Step<T> step) throws SQLException {
        while (true) {
            long began = System.nanoTime();
            try {
                T result = step.run(current);
                took(Duration.ofNanos(System.nanoTime() - began), budget);
                return result;
            } catch (SQLException e) {
                if (!SqlErrors.isCancelled(e) || !halve()) {
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

    /** Whether there was something to halve. */
    private boolean halve() {
        boolean can = current > least;
        current = Math.max(least, current / 2);
        return can;
    }
}
