package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.usagekit.UsageKey;
import io.usagekit.postgres.FixedDelayScheduler;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedListener;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ScheduledExecutorService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Meters of a feed, such as that of ClickHouse: one for each event of {@link FeedListener} and {@link CellReadListener}, and gauges of {@link
 * FeedStatus}.
 *
 * <pre>{@code
 * FeedMeters meters = FeedMeters.of(registry);
 * FeedWorker worker = feed.worker(clickHouse.store()).listener(meters).build();
 * UsageCalculator calculator = clickHouse.calculator(feed, meters);
 * meters.start(feed, scheduler, Duration.ofSeconds(15));
 * }</pre>
 *
 * <p>Reading a gauge does no I/O: the state is sampled as {@link RollupMeters} does. Thread-safe.
 *
 * @since 0.1
 */
public final class FeedMeters implements FeedListener, CellReadListener, AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(FeedMeters.class);
    private static final String PREFIX = "usagekit.feed";

    /** Whether days of a refused read are to be shipped again. */
    private enum Reshipped {
        TRUE,
        FALSE
    }

    private final Counter figuresFromCells;
    private final Counter figuresFromRollups;
    private final DistributionSummary daysRead;
    private final Map<Reshipped, Counter> readsRefused;
    private final Map<Failure, Counter> readsFailed;
    private final Map<RunOutcome, Timer> runs;
    private final Counter cycles;
    private final Counter completeCycles;
    private final Counter shippedHours;
    private final StatusSamples<FeedStatus> samples;

    private FeedMeters(MeterFactory meters) {
        figuresFromCells = figures(meters.with("source", "cells"));
        figuresFromRollups = figures(meters.with("source", "rollups"));
        daysRead =
                meters.summary(PREFIX + ".figures.days", "days", "Days of projects that figures read from the store");
        readsRefused = meters.each(
                Reshipped.class,
                "reshipped",
                one -> one.counter(
                        PREFIX + ".reads.refused",
                        "Reads whose cells weren't those of the manifest: roll-ups computed the figure"));
        readsFailed = meters.each(
                Failure.class,
                Failure.TAG,
                one -> one.counter(PREFIX + ".reads.failed", "Figures that failed since the store couldn't be read"));
        runs = meters.each(
                RunOutcome.class, RunOutcome.TAG, one -> one.timer(PREFIX + ".runs", "How long runs of workers took"));
        cycles = meters.counter(PREFIX + ".cycles", "Cycles that have committed; one that fails ends its run");
        completeCycles = meters.counter(
                PREFIX + ".cycles.complete",
                "Those of them that left nothing to ship or to roll: a state is published");
        shippedHours = meters.counter(PREFIX + ".shipped", "hours", "Hours of projects that were shipped");
        samples = samples(meters);
    }

    /** Registers the meters. */
    public static FeedMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Registers the meters, all of them with these tags. */
    public static FeedMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new FeedMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    private static Counter figures(MeterFactory meters) {
        return meters.counter(PREFIX + ".figures", "Figures by where their whole days were read from");
    }

    private static StatusSamples<FeedStatus> samples(MeterFactory meters) {
        StatusSamples<FeedStatus> samples = new StatusSamples<>(meters, PREFIX, "the feed", LOG);
        samples.installedGauge("Whether the feed is installed");
        samples.gauge(
                "intact",
                "Whether the feed's triggers are those that were installed: 1 or 0",
                status -> status.intact() ? 1 : 0);
        samples.growingGauge(
                "lag",
                "How long the first hour to ship has been waiting; 0 if nothing is to be shipped",
                status -> Optional.of(status.lag()));
        samples.gauge("waiting", "Hours of projects that are to be shipped", FeedStatus::hoursToShip);
        samples.gauge("version", "The version of the last cycle that has committed", FeedStatus::published);
        samples.gauge("days.shipped", "About how many days of projects have been shipped", FeedStatus::shippedDays);
        return samples;
    }

    /** As {@link #start(RollupFeed, FixedDelayScheduler, Duration)}, on an executor. */
    public void start(RollupFeed feed, ScheduledExecutorService scheduler, Duration pause) {
        start(feed, StatusSamples.on(scheduler), pause);
    }

    /**
     * Samples the state of this feed repeatedly on the host's scheduler, from now on and with this pause in between, until {@link #close}. A
     * sample that fails is counted; failures of one kind are logged once until a sample succeeds.
     *
     * @param pause 1 s to 1 day; a sample reads the list of what is to be shipped
     * @throws IllegalArgumentException if the pause is out of bounds
     * @throws IllegalStateException if sampling has been started already, or these meters are closed
     */
    public void start(RollupFeed feed, FixedDelayScheduler scheduler, Duration pause) {
        Objects.requireNonNull(feed, "feed");
        samples.start(scheduler, pause, () -> sample(feed));
    }

    /**
     * Samples the state of this feed now, for hosts that schedule it themselves. Blocks; throws nothing: a sample that fails is counted and logged
     * as {@link #start} says.
     */
    public void sample(RollupFeed feed) {
        samples.take(feed.schema(), () -> feed.status(StatusSamples.TIMEOUT));
    }

    /** Ends sampling; meters stay registered. The scheduler belongs to the host and keeps running. Idempotent. */
    @Override
    public void close() {
        samples.close();
    }

    /** Takes a sample from another source; for tests. */
    StatusSamples<FeedStatus> samples() {
        return samples;
    }

    @Override
    public void cycleEnded(FeedCycle cycle) {
        cycles.increment();
        if (cycle.complete()) {
            completeCycles.increment();
        }
        shippedHours.increment((double) cycle.hours());
    }

    @Override
    public void runEnded(FeedWorker.LastRun run) {
        Timer timer = runs.get(RunOutcome.of(run.result(), FeedRun::leader, result -> !result.left()));
        if (timer != null) {
            timer.record(run.took());
        }
    }

    @Override
    public void fromCells(UsageKey key, long days) {
        figuresFromCells.increment();
        daysRead.record((double) days);
    }

    @Override
    public void fromRollups(UsageKey key) {
        figuresFromRollups.increment();
    }

    @Override
    public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
        MeterFactory.count(readsRefused, reshipped ? Reshipped.TRUE : Reshipped.FALSE);
    }

    @Override
    public void readFailed(UsageKey key, Throwable error) {
        MeterFactory.count(readsFailed, Failure.of(error));
    }
}
