package io.usagekit.postgres;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.AdvisoryLock;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlErrors;
import java.sql.SQLException;
import java.util.Objects;
import javax.sql.DataSource;

/**
 * Lets one process of a fleet at a time run a job that all of them have on their schedules, such as creating partitions or deleting old rows:
 * an advisory lock of PostgreSQL, which ends with the process or its connection. A job that goes on although its connection is lost may
 * overlap with the next one; what the library offers for such jobs tolerates that. Immutable and thread-safe.
 *
 * @since 0.1
 */
public final class FleetLock {

    private static final int MAX_NAME = 200;

    private final Jdbc jdbc;
    private final AdvisoryLock lock;

    private FleetLock(Jdbc jdbc, AdvisoryLock lock) {
        this.jdbc = jdbc;
        this.lock = lock;
    }

    /**
     * A lock of the data source's database.
     *
     * @param name which job it is of, the same in all processes; 1 to 200 characters
     * @throws IllegalArgumentException if the name is empty or too long
     */
    public static FleetLock of(DataSource dataSource, String name) {
        if (name.isEmpty() || name.length() > MAX_NAME) {
            throw new IllegalArgumentException(
                    "name must be 1 to " + MAX_NAME + " characters, but was \"" + name + "\"");
        }
        return new FleetLock(
                new Jdbc(Objects.requireNonNull(dataSource, "dataSource")),
                new AdvisoryLock("job " + name, "the job " + name));
    }

    /**
     * Runs a job on this thread, unless another thread or process runs one under this name. Takes one connection for as long, besides those
     * of the job. A call that comes after the end of another one runs the job again, in whichever process.
     *
     * <p>The lock is lost with its connection, and the job isn't notified: it goes on, and another one may start. Behind a pooler that shares
     * connections between transactions, as the driver's settings say, the lock is checked at the end; on a connection of PostgreSQL's own,
     * releasing a lost lock is logged as a warning, and the result is that of the job.
     *
     * @return whether the job was run
     * @throws UsageStorageException if the database refuses, or the lock was lost while the job ran behind such a pooler; and whatever the
     *     job throws
     */
    public boolean tryRun(Runnable job) {
        try {
            return lock.hold(
                    jdbc,
                    () -> {
                        throw new HeldException();
                    },
                    holder -> {
                        job.run();
                        return true;
                    });
        } catch (HeldException e) {
            return false;
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("cannot lock " + lock.what() + " for this process", e);
        }
    }

    /** Another session holds the lock. */
    private static final class HeldException extends SQLException {
        private static final long serialVersionUID = 1L;
    }
}
