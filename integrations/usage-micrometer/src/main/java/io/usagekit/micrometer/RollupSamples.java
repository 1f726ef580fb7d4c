package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.usagekit.postgres.rollups.RollupStatus;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The state of roll-ups as it was sampled last, and its gauges. Thread-safe. */
final class RollupSamples {

    private static final Logger LOG = LoggerFactory.getLogger(RollupMeters.class);

    /**
     * A sample.
     *
     * @param status empty if there are no roll-ups of this version and mapping
     * @param at when it was taken, by the registry's time
     */
    private record Sample(Optional<RollupStatus> status, long at) {}

    private final MeterFactory meters;
    private final Map<Failure, Counter> failures;
    private final ReentrantLock sampling = new ReentrantLock();
    private volatile @Nullable Sample last;

    /** The kind of the failure that was logged last; null after a success. Guarded by {@link #sampling}. */
    private @Nullable Class<?> failing;

    RollupSamples(MeterFactory meters) {
        this.meters = meters;
        failures = meters.each(
                Failure.class,
                Failure.TAG,
                one -> one.counter("usagekit.rollups.status.failures", "Samples of the roll-ups' state that failed"));
        meters.timeGauge(
                "usagekit.rollups.status.age",
                "How long ago the state was sampled; NaN before",
                this::secondsSinceSample);
        meters.gauge(
                "usagekit.rollups.installed",
                "Whether there are roll-ups of this version and mapping: 1 or 0; NaN before the first sample",
                this::installed);
        meters.timeGauge(
                "usagekit.rollups.lag",
                "How long ago the hours that aren't rolled yet began; NaN while none are",
                this::secondsOfLag);
        gauge("usagekit.rollups.marked", "Hours of projects that wait to be re-rolled", RollupStatus::markedHours);
        gauge(
                "usagekit.rollups.changed",
                "Changed events whose deliveries haven't been looked up yet",
                RollupStatus::changedEvents);
        gauge("usagekit.rollups.projects", "Projects that are rolled", RollupStatus::projects);
        gauge(
                "usagekit.rollups.projects.backfilling",
                "Projects whose history isn't rolled completely",
                RollupStatus::projectsToBackfill);
        gauge(
                "usagekit.rollups.alterations",
                "Differences from the tables and triggers as they were recorded",
                status -> status.alterations().size());
        gauge(
                "usagekit.rollups.indexes.missing",
                "Indexes that an installation would build",
                status -> status.missingIndexes().size());
    }

    private void gauge(String name, String description, ToDoubleFunction<RollupStatus> value) {
        meters.gauge(name, description, () -> status().map(value::applyAsDouble).orElse(Double.NaN));
    }

    private Optional<RollupStatus> status() {
        Sample sample = last;
        return sample == null ? Optional.empty() : sample.status();
    }

    private double installed() {
        Sample sample = last;
        return sample == null ? Double.NaN : sample.status().isPresent() ? 1 : 0;
    }

    private double secondsSinceSample() {
        Sample sample = last;
        return sample == null ? Double.NaN : seconds(since(sample));
    }

    private double secondsOfLag() {
        Sample sample = last;
        return sample == null
                ? Double.NaN
                : sample.status()
                        .flatMap(RollupStatus::lag)
                        .map(lag -> seconds(lag.plus(since(sample))))
                        .orElse(Double.NaN);
    }

    private Duration since(Sample sample) {
        return Duration.ofNanos(meters.nanoTime() - sample.at());
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }

    /** Takes a sample; throws nothing, since that would end the host's schedule. */
    void take(String schema, Supplier<Optional<RollupStatus>> source) {
        sampling.lock();
        try {
            last = new Sample(source.get(), meters.nanoTime());
            if (failing != null) {
                failing = null;
                LOG.info("reading the state of the roll-ups in the schema {} for metrics succeeded again", schema);
            }
        } catch (RuntimeException | Error e) {
            report(schema, e);
        } finally {
            sampling.unlock();
        }
    }

    private void report(String schema, Throwable e) {
        Counter counter = failures.get(Failure.of(e));
        if (counter != null) {
            counter.increment();
        }
        if (e.getClass() == failing) {
            return;
        }
        failing = e.getClass();
        LOG.warn(
                "reading the state of the roll-ups in the schema {} for metrics failed and is retried: {}",
                schema,
                e.getMessage(),
                e);
    }
}
