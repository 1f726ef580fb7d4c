package io.usagekit.postgres;

import java.time.Duration;
import java.util.concurrent.Future;

/**
 * A scheduler of the host's, of whatever type, on which workers run: {@code taskScheduler::scheduleWithFixedDelay} of Spring's {@code
 * TaskScheduler}.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface FixedDelayScheduler {

    /**
     * Runs a task at once, and from then on again each time after this delay from the end of the previous run.
     *
     * @return the schedule, which {@link Future#cancel cancelling} ends
     */
    Future<?> scheduleWithFixedDelay(Runnable task, Duration delay);
}
