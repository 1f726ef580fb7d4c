package io.usagekit.postgres.rollups.spi;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageStorageException;
import io.usagekit.reports.UsageReports;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Feeds another store with the sums of roll-ups, and computes figures with what it has. {@link
 * io.usagekit.postgres.rollups.PostgresRollups#feed} returns it.
 *
 * <p>Triggers on the roll-ups' own tables append each hour whose sums change to a ship list, in the transaction that changes them. A {@linkplain
 * #ship cycle} ships the hours of the list in a version of its own, and records in a manifest which version each hour has. Every cell
 * of an hour that isn't in the list has a version up to the manifest's, so that equal sums of versions prove that all cells are there, each in
 * the right version.
 *
 * <p>The feed's tables are in a schema of their own, with the name of the roll-ups' schema and {@code _feed}. Immutable and thread-safe.
 *
 * @since 0.1
 */
public interface RollupFeed {

    /** The most hours that one cycle may ship. */
    int MAX_HOURS = 1_000_000;

    /** Returns the name of the schema that holds the feed's tables and nothing else. */
    String schema();

    /**
     * Creates the feed's schema, tables and triggers, after the roll-ups were installed. Idempotent. Where the roll-ups have been replaced or
     * their tables created again since, the triggers are created again, and everything is shipped again; versions go on. Waits for
     * transactions that write to the roll-ups. Needs ownership of the roll-ups' tables, and {@code CREATE} on the database unless the feed's schema
     * exists.
     *
     * @throws UsageStorageException if there are no roll-ups of this version and mapping, or the database refuses; then nothing has been created
     */
    void install();

    /**
     * Drops the feed's schema with everything in it, and its triggers. Rows that the store has stay there; {@link CellStore#highestVersion} is
     * what keeps versions from being used again after another {@link #install}. Idempotent.
     *
     * @throws UsageStorageException if the database refuses
     */
    void uninstall();

    /**
     * Returns the feed's state; empty if it isn't installed.
     *
     * @param timeout 1 ms to 1 day
     * @throws UsageStorageException if the database refuses, or takes longer
     */
    Optional<FeedStatus> status(Duration timeout);

    /**
     * Ships hours in one cycle, unless another session runs one. A cycle is one transaction, which is open while the store inserts; the
     * version of one that fails is never used again, and the next one ships the same hours. Nothing is lost or shipped in a wrong version
     * wherever a process, PostgreSQL or the store is killed.
     *
     * @param maxHours 1 to {@value #MAX_HOURS}
     * @param timeout of each statement, and of the transaction while the store is called; 1 s to 1 day
     * @return empty if another session runs a cycle
     * @throws UsageStorageException if the feed isn't installed or isn't intact, or the database refuses; and whatever the store throws
     */
    Optional<FeedCycle> ship(CellStore store, int maxHours, Duration timeout);

    /** Returns a builder of a worker that {@linkplain #ship ships} to a store, on a schedule. */
    default FeedWorker.Builder worker(CellStore store) {
        return new FeedWorker.Builder(this, store);
    }

    /**
     * Has all hours of these days shipped again by the next cycles; until then they are read from PostgreSQL.
     *
     * @throws UsageStorageException if the feed isn't installed, or the database refuses
     */
    void reship(Collection<ProjectDays> days);

    /**
     * Has everything shipped again by the next cycles: every hour that has been shipped or has sums, and all projects. A cycle that runs meanwhile is
     * rolled back.
     *
     * @throws UsageStorageException as {@link #reship}
     */
    void reshipAll();

    /**
     * Compares the versions of everything that has been shipped, and isn't to be shipped again, with those that the store has, and the sums
     * with those of the roll-ups; and finds hours that have sums, but were neither shipped nor are to be.
     *
     * @param timeout of each read
     * @param differing receives the days that differ, those of one project and month together; days that {@link #reship} may be called with
     * @return how many days of projects were compared
     * @throws UsageStorageException as {@link #reship}
     * @throws UsageCalculationException as {@link CellReader#read}
     */
    long verify(CellReader reader, Duration timeout, Consumer<ProjectDays> differing);

    /**
     * Returns a calculator whose figures equal those of the roll-ups' calculator. In one snapshot of PostgreSQL it reads the window's edges, what
     * isn't rolled, has changed since, or isn't shipped; the store has the sums of the other days. Where it hasn't, by their versions, the
     * calculator tries once more in a new snapshot; then those days are to be shipped again, and the roll-ups' calculator answers.
     *
     * <p>An error of the reader is the error of the figure: the roll-ups' calculator isn't asked, so that a store that is away doesn't turn all of
     * its load to PostgreSQL. Connects to nothing yet; thread-safe.
     */
    UsageCalculator calculator(CellReader reader, CellReadListener listener);

    /**
     * Returns reports that equal those of the roll-ups, computed as the figures of {@link #calculator} are: what one call returns is of one snapshot of
     * PostgreSQL. The store has the days that no edge of a point divides within an hour. A listener is notified of calls for one organisation; of
     * {@code calculateAll} it isn't.
     */
    UsageReports reports(CellReader reader, CellReadListener listener);
}
