package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.AdaptiveBatchSize;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * What a worker does in a run: in which order the steps are taken, how large they are, and when it has been enough. Not
 * thread-safe: one run at a time.
 */
final class RollupPass {

    /** What the builder has checked. */
    record Settings(
            InstantSource clock,
            Duration settle,
            Duration runBudget,
            Duration stepBudget,
            Duration stepTimeout,
            Duration waitForWriters,
            Set<RollupTransactions.Guard> guards,
            RollupTransactions.Probe probe) {}

    private static final long CHANGED_EVENTS = 1_000;
    private static final long ORPHANS = 1_000;

    private final TableMapping mapping;
    private final String schema;
    private final Settings settings;
    private final BooleanSupplier closed;

    private final AdaptiveBatchSize hours = new AdaptiveBatchSize(1, 24, 24 * 366);
    private final AdaptiveBatchSize buckets = new AdaptiveBatchSize(1, 20, 1_000);
    private final AdaptiveBatchSize rows = new AdaptiveBatchSize(100, 10_000, 1_000_000);

    /** Up to which orphan runs have come; the next one goes on from there. */
    private long orphansLookedAt;

    /**
     * @param schema the roll-ups' own
     * @param closed no further step is begun once it says so
     */
    RollupPass(TableMapping mapping, String schema, Settings settings, BooleanSupplier closed) {
        this.mapping = mapping;
        this.schema = schema;
        this.settings = settings;
        this.closed = closed;
    }

    /**
     * One run, on a connection in auto-commit mode; the caller sets its isolation back.
     *
     * @throws UsageCalculationException as {@link RollupWorker#runOnce}
     */
    RollupRunResult run(Connection connection) throws SQLException {
        RollupSql sql = RollupSql.over(mapping, TableShape.read(connection, mapping), schema);
        RollupInstaller.Installed installed = RollupInstaller.installed(connection, sql)
                .orElseThrow(() -> new UsageCalculationException(
                        "there are no roll-ups in the schema " + Identifiers.quote(schema) + "; install them first",
                        null));
        if (!RollupInstaller.isCurrent(installed, sql)) {
            throw new UsageCalculationException(
                    "the roll-ups in the schema " + Identifiers.quote(schema)
                            + " were made by another version or for another mapping; install them again",
                    null);
        }
        // Before any transaction whose snapshot matters: what the last holder has committed is in it.
        if (!ask(connection, sql, "rollups-leader-lock.sql")) {
            return new RollupRunResult(false, Optional.empty(), List.of(), 0, 0, 0, false);
        }
        try {
            RollupTransactions steps = new RollupTransactions(
                    connection, sql, settings.stepTimeout(), settings.guards(), settings.probe());
            if (!RollupInstaller.areTriggersInForce(connection, sql)) {
                steps.reset();
                throw new UsageCalculationException(
                        "triggers of the roll-ups in the schema " + Identifiers.quote(schema)
                                + " are missing or disabled; what was rolled is forgotten; install them again",
                        null);
            }
            return work(steps);
        } finally {
            unlock(connection, sql);
        }
    }

    private RollupRunResult work(RollupTransactions steps) throws SQLException {
        long deadline = System.nanoTime() + settings.runBudget().toNanos();
        List<String> waitedFor = advance(steps, deadline);
        steps.adopt();

        long changedEvents = 0;
        long resolved;
        do {
            resolved = steps.resolveChangedEvents(CHANGED_EVENTS);
            changedEvents += resolved;
        } while (resolved == CHANGED_EVENTS && goesOn(deadline));
        orphansLookedAt = steps.resolveOrphans(orphansLookedAt, ORPHANS);

        long rerolled = 0;
        long marked;
        do {
            marked = buckets.run(settings.stepBudget(), steps::reroll);
            rerolled += marked;
        } while (marked > 0 && goesOn(deadline));

        long backfillSteps = 0;
        boolean history;
        do {
            history = rows.run(settings.stepBudget(), steps::backfill);
            backfillSteps += history ? 1 : 0;
        } while (history && goesOn(deadline));

        Optional<Instant> covered = steps.coveredBefore();
        boolean finished = resolved < CHANGED_EVENTS
                && marked == 0
                && !history
                && covered.filter(before -> !before.isBefore(target())).isPresent();
        return new RollupRunResult(true, covered, waitedFor, changedEvents, rerolled, backfillSteps, finished);
    }

    /** The end of the last hour that is over and has settled. */
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
        List<String> waitedFor = steps.awaitWriters(settings.waitForWriters());
        if (!waitedFor.isEmpty()) {
            return waitedFor;
        }
        Instant upper;
        do {
            upper = hours.run(settings.stepBudget(), size -> steps.advance(target, size));
        } while (upper.isBefore(target) && goesOn(deadline));
        return List.of();
    }

    private boolean goesOn(long deadline) {
        return !closed.getAsBoolean() && System.nanoTime() < deadline;
    }

    private static boolean ask(Connection connection, RollupSql sql, String resource) throws SQLException {
        try (PreparedStatement statement = sql.statement(resource).prepare(connection, sql.names());
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getBoolean("answer");
        }
    }

    /** A connection that can't give the lock back mustn't go back to its pool with it. */
    private static void unlock(Connection connection, RollupSql sql) throws SQLException {
        try {
            if (!connection.isClosed()) {
                ask(connection, sql, "rollups-leader-unlock.sql");
            }
        } catch (SQLException e) {
            connection.abort(Runnable::run);
        }
    }
}
