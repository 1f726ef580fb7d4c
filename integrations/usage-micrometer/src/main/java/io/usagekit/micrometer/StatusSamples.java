package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.usagekit.postgres.FixedDelayScheduler;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * The state of something in the database as it was sampled last, and its gauges. Thread-safe.
 *
 * @param <S> the state
 */
final class StatusSamples<S> implements AutoCloseable {

    /** How long one sample may take, besides its wait for a connection. */
    static final Duration TIMEOUT = Duration.ofSeconds(5);

    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofDays(1);

    /**
     * A sample.
     *
     * @param status empty if what has the state isn't installed
     * @param at when it was taken, by the registry's time
     */
    private record Sample<S>(Optional<S> status, long at) {}

    private final MeterFactory meters;
    private final String prefix;
    private final String subject;
    private final Logger log;
    private final Map<Failure, Counter> failures;
    private final ReentrantLock sampling = new ReentrantLock();
    private volatile @Nullable Sample<S> last;

    /** The kind of the failure that was logged last; null after a success. Guarded by {@link #sampling}. */
    private @Nullable Class<?> failing;

    private final ReentrantLock lock = new ReentrantLock();
    private boolean closed;
    private @Nullable Future<?> schedule;

    /**
     * Registers the gauges of samples as such.
     *
     * @param prefix of the meters' names
     * @param subject what has the state, for descriptions and messages
     */
    StatusSamples(MeterFactory meters, String prefix, String subject, Logger log) {
        this.meters = meters;
        this.prefix = prefix;
        this.subject = subject;
        this.log = log;
        failures = meters.each(
                Failure.class,
                Failure.TAG,
                one -> one.counter(prefix + ".status.failures", "Samples of the state of " + subject + " that failed"));
        meters.timeGauge(
                prefix + ".status.age", "How long ago the state was sampled; NaN before", this::secondsSinceSample);
    }

    /** Registers a gauge that is 1 where there is a state, and 0 where there is none. */
    void installedGauge(String description) {
        meters.gauge(prefix + ".installed", description + ": 1 or 0; NaN before the first sample", this::installed);
    }

    /** Registers a gauge; NaN before the first sample, and where there is no state. */
    void gauge(String name, String description, ToDoubleFunction<S> value) {
        meters.gauge(
                prefix + "." + name,
                description,
                () -> status().map(value::applyAsDouble).orElse(Double.NaN));
    }

    /** Registers a gauge of a time that grows between samples, unless it is zero. */
    void growingGauge(String name, String description, Function<S, Optional<Duration>> value) {
        meters.timeGauge(prefix + "." + name, description, () -> {
            Sample<S> sample = last;
            return sample == null
                    ? Double.NaN
                    : sample.status()
                            .flatMap(value)
                            .map(time -> time.isZero() ? 0 : seconds(time.plus(since(sample))))
                            .orElse(Double.NaN);
        });
    }

    private Optional<S> status() {
        Sample<S> sample = last;
        return sample == null ? Optional.empty() : sample.status();
    }

    private double installed() {
        Sample<S> sample = last;
        return sample == null ? Double.NaN : sample.status().isPresent() ? 1 : 0;
    }

    private double secondsSinceSample() {
        Sample<S> sample = last;
        return sample == null ? Double.NaN : seconds(since(sample));
    }

    private Duration since(Sample<S> sample) {
        return Duration.ofNanos(meters.nanoTime() - sample.at());
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }

    /** Returns an executor as the scheduler that {@link #start} takes. */
    static FixedDelayScheduler on(ScheduledExecutorService executor) {
        return (task, delay) -> executor.scheduleWithFixedDelay(task, 0, delay.toMillis(), TimeUnit.MILLISECONDS);
    }

    /**
     * Takes samples repeatedly, until {@link #close}.
     *
     * @throws IllegalArgumentException if the pause is out of bounds
     * @throws IllegalStateException if sampling has been started already, or is closed
     */
    void start(FixedDelayScheduler scheduler, Duration pause, Runnable sample) {
        if (pause.compareTo(SHORTEST_PAUSE) < 0 || pause.compareTo(LONGEST_PAUSE) > 0) {
            throw new IllegalArgumentException(
                    "pause must be between " + SHORTEST_PAUSE + " and " + LONGEST_PAUSE + ", but was " + pause);
        }
        lock.lock();
        try {
            if (closed || schedule != null) {
                throw new IllegalStateException(closed ? "the meters are closed" : "sampling has been started already");
            }
            schedule = scheduler.scheduleWithFixedDelay(sample, pause);
        } finally {
            lock.unlock();
        }
    }

    /** Ends sampling. Idempotent. */
    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            if (schedule != null) {
                schedule.cancel(false);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Takes a sample; throws nothing, since that would end the host's schedule. */
    void take(String schema, Supplier<Optional<S>> source) {
        sampling.lock();
        try {
            last = new Sample<>(source.get(), meters.nanoTime());
            if (failing != null) {
                failing = null;
                log.info("reading the state of {} in the schema {} for metrics succeeded again", subject, schema);
            }
        } catch (RuntimeException | Error e) {
            report(schema, e);
        } finally {
            sampling.unlock();
        }
    }

    private void report(String schema, Throwable e) {
        MeterFactory.count(failures, Failure.of(e));
        if (e.getClass() == failing) {
            return;
        }
        failing = e.getClass();
        log.warn(
                "reading the state of {} in the schema {} for metrics failed and is retried: {}",
                subject,
                schema,
                e.getMessage(),
                e);
    }
}
