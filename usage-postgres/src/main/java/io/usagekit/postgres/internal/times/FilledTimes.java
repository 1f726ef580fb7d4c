package io.usagekit.postgres.internal.times;

import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * The times in which partitions of the mapped tables have rows, for work of many steps: which partitions have rows is asked in each step, but
 * their bounds only where these are others than before. Not thread-safe.
 */
public final class FilledTimes {

    private Optional<String> digest = Optional.empty();
    private List<FilledTime> all = List.of();

    /** Finds what {@link FilledTime#before(Connection, TableShape, String)} finds, of tables of one mapping. */
    public List<FilledTime> before(Connection connection, TableShape shape, String before) throws SQLException {
        if (!FilledTime.isByTime(shape)) {
            return FilledTime.before(connection, shape, before);
        }
        Optional<String> now = Optional.of(FilledTime.digest(connection, shape));
        if (!now.equals(digest)) {
            all = FilledTime.before(connection, shape, FilledTime.LAST);
            digest = now;
        }
        return FilledTime.before(connection, all, before);
    }

    /** Returns what was before a time when the times were found, without a look at the tables. */
    public List<FilledTime> knownBefore(Connection connection, TableShape shape, String before) throws SQLException {
        return FilledTime.isByTime(shape)
                ? FilledTime.before(connection, all, before)
                : FilledTime.before(connection, shape, before);
    }
}
