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
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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

    private static final Logger LOG = LoggerFactory.getLogger(RollupMeters.class);

    private final Counter figuresFromRollups;
    private final Map<Fallback, Counter> figuresFromRawRows;
    private final DistributionSummary liveHours;
    private final DistributionSummary markedHours;
    private final Map<RunOutcome, Timer> runs;
    private final Counter runsBlocked;
    private final Counter changedEvents;
    private final Counter rerolledHours;
    private final Counter backfillSteps;
    private final RetentionProgress retention;
    private final VerificationProgress verification;
    private final StatusSamples<RollupStatus> samples;

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
                RunOutcome.class,
                RunOutcome.TAG,
                one -> one.timer("usagekit.rollups.runs", "How long runs of workers took"));
        runsBlocked = meters.counter(
                "usagekit.rollups.runs.blocked",
                "Runs that left newer hours, since transactions that write didn't end");
        changedEvents = meters.counter(
                "usagekit.rollups.changes", "events", "Changed events whose deliveries' hours were marked");
        rerolledHours = meters.counter("usagekit.rollups.rerolled", "hours", "Marked hours that were re-rolled");
        backfillSteps = meters.counter("usagekit.rollups.backfill.steps", "Steps that rolled history");
        retention = new RetentionMeters(meters);
        verification = new VerificationMeters(meters);
        samples = samples(meters);
    }

    /** Registers the meters. */
    public static RollupMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Registers the meters, all of them with these tags. */
    public static RollupMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new RollupMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    private static StatusSamples<RollupStatus> samples(MeterFactory meters) {
        StatusSamples<RollupStatus> samples = new StatusSamples<>(meters, "usagekit.rollups", "the roll-ups", LOG);
        samples.installedGauge("Whether there are roll-ups of this version and mapping");
        samples.growingGauge(
                "lag", "How long ago the hours that aren't rolled yet began; NaN while none are", RollupStatus::lag);
        samples.gauge("marked", "Hours of projects that wait to be re-rolled", RollupStatus::markedHours);
        samples.gauge(
                "changed", "Changed events whose deliveries haven't been looked up yet", RollupStatus::changedEvents);
        samples.gauge("projects", "Projects that are rolled", RollupStatus::projects);
        samples.gauge(
                "projects.backfilling",
                "Projects whose history isn't rolled completely",
                RollupStatus::projectsToBackfill);
        samples.gauge(
                "alterations",
                "Differences from the tables and triggers as they were recorded",
                status -> status.alterations().size());
        samples.gauge(
                "indexes.missing",
                "Indexes that an installation would build",
                status -> status.missingIndexes().size());
        return samples;
    }

    private static Counter figures(MeterFactory meters) {
        return meters.counter("usagekit.rollups.figures", "Figures by where they were computed from, and why");
    }

    /** As {@link #start(PostgresRollups, FixedDelayScheduler, Duration)}, on an executor. */
    public void start(PostgresRollups rollups, ScheduledExecutorService scheduler, Duration pause) {
        start(rollups, StatusSamples.on(scheduler), pause);
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
        samples.start(scheduler, pause, () -> sample(rollups));
    }

    /**
     * Samples the state of these roll-ups now, for hosts that schedule it themselves. Blocks; throws nothing: a sample that fails is
     * counted and logged as {@link #start} says.
     */
    public void sample(PostgresRollups rollups) {
        samples.take(rollups.schema(), () -> rollups.status(StatusSamples.TIMEOUT));
    }

    /** Ends sampling; meters stay registered. The scheduler belongs to the host and keeps running. Idempotent. */
    @Override
    public void close() {
        samples.close();
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
    StatusSamples<RollupStatus> samples() {
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
        MeterFactory.count(figuresFromRawRows, why);
    }

    @Override
    public void runEnded(RollupWorker.LastRun run) {
        Timer timer = runs.get(RunOutcome.of(run.result(), RollupRunResult::leader, RollupRunResult::finished));
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
}
