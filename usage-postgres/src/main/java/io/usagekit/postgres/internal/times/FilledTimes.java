package io.usagekit.postgres.internal.times;

import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/**
 * The times in which partitions have rows, for work of many steps: each step asks which partitions have rows, but for their bounds only where
 * these are others than before. Not thread-safe.
 */
public final class FilledTimes {

    private final TableShape shape;
    private Optional<String> digest = Optional.empty();
    private List<FilledTime> all = List.of();

    /** Knows none yet. */
    public FilledTimes(TableShape shape) {
        this.shape = shape;
    }

    /** Finds what {@link FilledTime#before(Connection, TableShape, String)} finds. */
    public List<FilledTime> before(Connection connection, String before) throws SQLException {
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
}
