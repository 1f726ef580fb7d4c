package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.batches.AdaptiveBatchSize;
import io.usagekit.postgres.internal.times.FilledTimes;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The work of one run of a worker: the order of the steps, their sizes, and when the run ends. Not thread-safe. */
final class RollupPass {

    private static final Logger LOG = LoggerFactory.getLogger(RollupWorker.class);

    private static final long CHANGED_EVENTS = 1_000;
    private static final long ORPHANS = 1_000;

    /** A new partition with more rows is rolled with everything else from scratch, which takes many small steps. */
    private static final long PARTITION_ROWS = 100_000;

    private static final RollupRunResult NOTHING_DONE =
            new RollupRunResult(false, Optional.empty(), List.of(), 0, 0, 0, false);

    private final RollupWorker.Settings settings;
    private final PostgresRollups.Settings rollups;
    private final BooleanSupplier closed;

    private final AdaptiveBatchSize hours = new AdaptiveBatchSize(1, 24, 24 * 366);
    private final AdaptiveBatchSize dirtyHours = new AdaptiveBatchSize(1, 20, 1_000);
    private final AdaptiveBatchSize rows = new AdaptiveBatchSize(100, 10_000, 1_000_000);

    private final RollupProof.RecentTriggers triggers;
    private final FilledTimes times = new FilledTimes();

    /** Id of the last orphan that runs have looked at; the next run continues after it. */
    private long lastOrphan;

    /** Runs start no further step once {@code closed} is true. */
    RollupPass(RollupWorker.Settings settings, BooleanSupplier closed) {
        this.settings = settings;
        this.rollups = settings.rollups();
        this.closed = closed;
        this.triggers = new RollupProof.RecentTriggers(settings.ticker());
    }

    /**
     * Runs once, on a connection in auto-commit mode.
     *
     * @throws UsageStorageException as {@link RollupWorker#runOnce}
     */
    RollupRunResult run(Connection connection) throws SQLException {
        if (!isOpen()) {
            return NOTHING_DONE; // closed while it waited for the connection
        }
        RollupSql sql = RollupSql.over(shape(connection), rollups.schema(), settings.statements());
        RollupCatalog.Installed installed = RollupCatalog.installed(connection, sql)
                .orElseThrow(() -> UsageStorageException.permanent(
                        "there are no roll-ups in the schema " + rollups.quotedSchema() + "; call install() first",
                        null));
        if (!installed.isCurrent(sql)) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + rollups.quotedSchema() + " were installed by version "
                            + installed.version() + " or for another mapping, and this library has version "
                            + RollupSql.VERSION + "; call install() again",
                    null);
        }
        RollupTransactions steps =
                new RollupTransactions(connection, sql, times, settings.stepTimeout(), settings.probe());
        if (steps.isAnotherWorkerAtWork()) {
            return NOTHING_DONE;
        }
        prove(connection, sql, steps);
        return work(steps);
    }

    /** Reads the shape of the tables, within the lock timeout of a step: PostgreSQL locks a table to read the default of its column. */
    private TableShape shape(Connection connection) throws SQLException {
        return Jdbc.step(
                        connection,
                        Jdbc.Mode.READ_ONLY,
                        settings.stepTimeout(),
                        it -> Optional.of(TableShape.readForStorage(it, rollups.mapping())))
                .orElseThrow();
    }

    /** Resets all rolled hours if the tables or triggers aren't as they were recorded, other than by new partitions. */
    private void prove(Connection connection, RollupSql sql, RollupTransactions steps) throws SQLException {
        boolean wereInForce = triggers.areInForce(connection, sql);
        if (wereInForce && RollupProof.isIntact(connection, sql)) {
            return;
        }
        boolean inForce = wereInForce && triggers.areInForceNow(connection, sql);
        if (inForce && steps.followPartitions(PARTITION_ROWS)) {
            return;
        }
        RetainedDoubt.check(connection, sql, "can't be rolled");
        List<String> alterations = new ArrayList<>(RollupProof.alterations(connection, sql));
        if (!steps.reset() || !inForce) {
            if (!inForce) {
                alterations.add(0, RollupProof.NOT_IN_FORCE);
            }
            throw new UsageStorageException(
                    "the roll-ups in the schema " + rollups.quotedSchema() + " don't fit the tables any more: "
                            + RollupProof.inWords(alterations)
                            + "; all rolled hours have been reset; call install() again",
                    null);
        }
        LOG.warn(
                "all rolled hours of the roll-ups in the schema {} have been reset, and are rolled from scratch: {}",
                rollups.schema(),
                RollupProof.inWords(alterations));
    }

    private RollupRunResult work(RollupTransactions steps) throws SQLException {
        long deadline = System.nanoTime() + settings.runBudget().toNanos();
        List<String> waitedFor = advance(steps, deadline);
        if (isOpen()) {
            steps.addProjects();
        }

        long changedEvents = 0;
        long resolved = CHANGED_EVENTS;
        for (boolean goesOn = isOpen(); goesOn; goesOn = resolved == CHANGED_EVENTS && mayContinue(deadline)) {
            resolved = steps.markChangedDeliveries(CHANGED_EVENTS);
            changedEvents += resolved;
        }
        if (isOpen()) {
            lastOrphan = steps.markLateEvents(lastOrphan, ORPHANS);
        }

        long rerolled = 0;
        boolean isDirty = true;
        for (boolean goesOn = isOpen(); goesOn; goesOn = isDirty && mayContinue(deadline)) {
            long marked = dirtyHours.run(settings.stepBudget(), () -> mayContinue(deadline), steps::reroll);
            rerolled += marked;
            isDirty = marked > 0;
        }

        long backfillSteps = 0;
        boolean history = true;
        for (boolean goesOn = isOpen(); goesOn; goesOn = history && mayContinue(deadline)) {
            history = rows.run(settings.stepBudget(), () -> mayContinue(deadline), steps::backfill);
            backfillSteps += history ? 1 : 0;
        }

        Optional<Instant> covered = steps.coveredBefore();
        boolean finished = resolved < CHANGED_EVENTS
                && !isDirty
                && !history
                && covered.filter(before -> !before.isBefore(target())).isPresent();
        return new RollupRunResult(true, covered, waitedFor, changedEvents, rerolled, backfillSteps, finished);
    }

    /** Returns the end of the last hour that has ended long enough ago. */
    private Instant target() {
        return settings.clock().instant().minus(settings.settle()).truncatedTo(ChronoUnit.HOURS);
    }

    private List<String> advance(RollupTransactions steps, long deadline) throws SQLException {
        Instant target = target();
        Optional<Instant> covered = steps.coveredBefore();
        if (covered.isPresent() && !covered.get().isBefore(target)) {
            return List.of();
        }
        steps.publish(target);
        List<String> waitedFor = steps.awaitWriters(settings.waitForWriters(), closed);
        if (!waitedFor.isEmpty()) {
            return waitedFor;
        }
        Instant upper;
        do {
            upper = hours.run(
                    settings.stepBudget(), () -> mayContinue(deadline), batch -> steps.advance(target, batch));
        } while (upper.isBefore(target) && mayContinue(deadline));
        return List.of();
    }

    private boolean isOpen() {
        return !closed.getAsBoolean();
    }

    private boolean mayContinue(long deadline) {
        return isOpen() && System.nanoTime() < deadline;
    }
}
