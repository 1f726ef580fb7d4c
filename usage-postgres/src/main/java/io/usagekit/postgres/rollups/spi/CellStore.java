package io.usagekit.postgres.rollups.spi;

import java.util.List;

/**
 * Where a {@link RollupFeed} ships cells to. It appends: no call changes or replaces what an earlier one has inserted, so that a cycle that
 * fails leaves rows of a version that is never published, and never used again. One cycle runs at a time, as far as PostgreSQL knows; an insert
 * of one that was given up may still arrive later.
 *
 * <p>One database feeds one store: another one, e.g. a copy of it, needs another store, or has everything in the store removed first. Versions
 * of both would be in one store, and each would read what the other has shipped.
 *
 * <p>A method that throws any unchecked exception ends its cycle: the next cycle ships the same hours in a new version. A method must not
 * return before what it has inserted is durable and is seen by every later read, except by replicas that lag.
 *
 * @since 0.1
 */
public interface CellStore {

    /**
     * Returns the highest version of any row that the store holds, published or not; 0 if it holds none. Called once in each cycle, before its
     * version is chosen, which is higher: also where PostgreSQL has been restored from a backup, or was taken over by a replica that lagged, a
     * version is used once. Not read from a replica that may lag. A version is at least the milliseconds since 1970 by PostgreSQL's clock, and
     * so above one whose rows aren't inserted yet.
     */
    long highestVersion();

    /**
     * Inserts cells. Called once in a cycle at most.
     *
     * @param version of all of them
     * @param cells of different hours of projects, in the order of their projects and hours; not empty
     */
    void insertCells(long version, List<UsageCell> cells);

    /**
     * Inserts the days of the cells of this version, by which a reader proves without PostgreSQL that the store has all their cells. Called once
     * in a cycle, after {@link #insertCells}.
     *
     * @param version of all of them
     * @param days different ones; not empty
     */
    void insertDays(long version, List<ShippedDay> days);

    /**
     * Inserts projects that are new, or whose organisation has changed. Called once in a cycle at most, after {@link #insertDays}.
     *
     * @param version of all of them
     * @param projects different ones; not empty
     */
    void insertProjects(long version, List<CellProject> projects);

    /**
     * Records that the store is complete up to a version. Called at the end of a cycle that leaves nothing to ship, after its rows have been
     * inserted, and before PostgreSQL commits the cycle. If that fails, the rows are complete all the same, and the next cycle ships them again.
     */
    void publish(Watermark watermark);
}
