package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.usagekit.UsageKey;
import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Meters of roll-ups: one for each event of {@link RollupListener}, runs of workers included, gauges of {@link RollupStatus}, and meters of
 * retention and verification.
 *
 * <pre>{@code
 * RollupMeters meters = RollupMeters.of(registry);
 * PostgresRollups rollups = PostgresRollups.builder(dataSource).listener(meters).build();
 * meters.start(rollups, scheduler, Duration.ofSeconds(15));
 * }</pre>
 *
 * <p>Reading a gauge does no I/O: the state is sampled on the host's scheduler, and gauges have what was read last. Between two samples,
 * and while the database can't be reached, the lag grows with time; {@code usagekit.rollups.status.age} says how old the sample is.
 * Thread-safe.
 *
 * @since 0.1
 */
public final class RollupMeters implements RollupListener, AutoCloseable {

    /** How long one sample may take, besides its wait for a connection. */
    private static final Duration SAMPLE_TIMEOUT = Duration.ofSeconds(5);

    private static final Duration SHORTEST_PAUSE = Duration.ofSeconds(1);
    private static final Duration LONGEST_PAUSE = Duration.ofDays(1);

    /** How a run of a worker ended. */
    private enum Outcome {
        /** There is no more work for now. */
        FINISHED,
        /** Work is left for the next run. */
        UNFINISHED,
        /** Another worker was working. */
        STANDBY,
        /** It threw. */
        FAILED
    }

    private final Counter figuresFromRollups;
    private final Map<Fallback, Counter> figuresFromRawRows;
    private final DistributionSummary liveHours;
    private final DistributionSummary markedHours;
    private final Map<Outcome, Timer> runs;
    private final Counter runsBlocked;
    private final Counter changedEvents;
    private final Counter rerolledHours;
    private final Counter backfillSteps;
    private final RetentionProgress retention;
    private final VerificationProgress verification;
    private final RollupSamples samples;

    private final ReentrantLock lock = new ReentrantLock();
    private boolean closed;
    private @Nullable Future<?> schedule;

    private RollupMeters(MeterFactory meters) {
        MeterFactory fromRawRows = meters.with("source", "raw_rows");
        figuresFromRollups = figures(meters.with("source", "rollups").with("reason", "none"));
        figuresFromRawRows = fromRawRows.each(Fallback.class, "reason", RollupMeters::figures);
        liveHours = meters.summary(
                "usagekit.rollups.live",
                "hours",
                "Hours that figures from roll-ups read from raw rows, of all projects");
        markedHours = meters.summary(
                "usagekit.rollups.live.marked", "hours", "Those of them that changed after they were rolled");
        runs = meters.each(
                Outcome.class, "outcome", one -> one.timer("usagekit.rollups.runs", "How long runs of workers took"));
        runsBlocked = meters.counter(
                "usagekit.rollups.runs.blocked",
                "Runs that left newer hours, since transactions that write didn't end");
        changedEvents = meters.counter(
                "usagekit.rollups.changes", "events", "Changed events whose deliveries' hours were marked");
        rerolledHours = meters.counter("usagekit.rollups.rerolled", "hours", "Marked hours that were re-rolled");
        backfillSteps = meters.counter("usagekit.rollups.backfill.steps", "Steps that rolled history");
        retention = new RetentionMeters(meters);
        verification = new VerificationMeters(meters);
        samples = new RollupSamples(meters);
    }

    /** Registers the meters. */
    public static RollupMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Registers the meters, all of them with these tags. */
    public static RollupMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new RollupMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    private static Counter figures(MeterFactory meters) {
        return meters.counter("usagekit.rollups.figures", "Figures by where they were computed from, and why");
    }

    /** As {@link #start(PostgresRollups, FixedDelayScheduler, Duration)}, on an executor. */
    public void start(PostgresRollups rollups, ScheduledExecutorService scheduler, Duration pause) {
        start(
                rollups,
                (task, delay) -> scheduler.scheduleWithFixedDelay(task, 0, delay.toMillis(), TimeUnit.MILLISECONDS),
                pause);
    }

    /**
     * Samples the state of these roll-ups repeatedly on the host's scheduler, from now on and with this pause in between, until {@link
     * #close}. A sample that fails is counted; failures of one kind are logged once until a sample succeeds.
     *
     * @param pause 1 s to 1 day; a sample takes a connection for some milliseconds
     * @throws IllegalArgumentException if the pause is out of bounds
     * @throws IllegalStateException if sampling has been started already, or these meters are closed
     */
    public void start(PostgresRollups rollups, FixedDelayScheduler scheduler, Duration pause) {
        Objects.requireNonNull(rollups, "rollups");
        if (pause.compareTo(SHORTEST_PAUSE) < 0 || pause.compareTo(LONGEST_PAUSE) > 0) {
            throw new IllegalArgumentException(
                    "pause must be between " + SHORTEST_PAUSE + " and " + LONGEST_PAUSE + ", but was " + pause);
        }
        lock.lock();
        try {
            if (closed || schedule != null) {
                throw new IllegalStateException(closed ? "the meters are closed" : "sampling has been started already");
            }
            schedule = scheduler.scheduleWithFixedDelay(() -> sample(rollups), pause);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Samples the state of these roll-ups now, for hosts that schedule it themselves. Blocks; throws nothing: a sample that fails is
     * counted and logged as {@link #start} says.
     */
    public void sample(PostgresRollups rollups) {
        samples.take(rollups.schema(), () -> rollups.status(SAMPLE_TIMEOUT));
    }

    /** Ends sampling; meters stay registered. The scheduler belongs to the host and keeps running. Idempotent. */
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

    /** Returns the meters of {@link PostgresRollups#deleteBefore}, to be passed to it. */
    public RetentionProgress retention() {
        return retention;
    }

    /** Returns the meters of {@link PostgresRollups#verify} and {@link PostgresRollups#repair}, to be passed to them. */
    public VerificationProgress verification() {
        return verification;
    }

    /** Takes a sample from another source; for tests. */
    RollupSamples samples() {
        return samples;
    }

    @Override
    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
        figuresFromRollups.increment();
        this.liveHours.record((double) liveHours);
        this.markedHours.record((double) markedHours);
    }

    @Override
    public void fromRawRows(UsageKey key, Fallback why) {
        Counter counter = figuresFromRawRows.get(why);
        if (counter != null) {
            counter.increment();
        }
    }

    @Override
    public void runEnded(RollupWorker.LastRun run) {
        Timer timer = runs.get(outcome(run.result()));
        if (timer != null) {
            timer.record(run.took());
        }
        run.result().ifPresent(result -> {
            changedEvents.increment((double) result.changedEvents());
            rerolledHours.increment((double) result.rerolledHours());
            backfillSteps.increment((double) result.backfillSteps());
            if (!result.waitedFor().isEmpty()) {
                runsBlocked.increment();
            }
        });
    }

    private static Outcome outcome(Optional<RollupRunResult> result) {
        if (result.isEmpty()) {
            return Outcome.FAILED;
        }
        if (!result.get().leader()) {
            return Outcome.STANDBY;
        }
        return result.get().finished() ? Outcome.FINISHED : Outcome.UNFINISHED;
    }
}
