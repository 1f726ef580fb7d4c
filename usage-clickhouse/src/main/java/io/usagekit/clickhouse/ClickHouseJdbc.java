package io.usagekit.clickhouse;

import io.usagekit.clickhouse.SqlFile.Statement;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.SQLTimeoutException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Runs statements on a host's connections to ClickHouse. A statement is stopped by the server when its time is over ({@code :timeout} is bound
 * to it, in seconds), by the driver, where it can, and otherwise by the socket, on which nothing arrives for a little longer.
 */
record ClickHouseJdbc(DataSource dataSource) {

    /** The name of the parameter that is bound to the time that is left. */
    private static final String TIMEOUT = "timeout";

    /** How much longer the socket may stay silent than a statement may run: a server that is reachable gives up first. */
    private static final Duration GRACE = Duration.ofSeconds(2);

    /** What reads a row. */
    @FunctionalInterface
    interface RowReader<T> {
        T read(ResultSet row) throws SQLException;
    }

    /** What runs on a connection. */
    @FunctionalInterface
    private interface Work<T> {
        T run(Connection connection, Duration left) throws SQLException;
    }

    /** Returns what is read from each row. */
    <T> List<T> query(Statement statement, Map<String, ?> values, Duration timeout, RowReader<T> reader)
            throws SQLException {
        return connected(timeout, (connection, left) -> {
            try (PreparedStatement prepared = prepare(connection, statement, left)) {
                bind(connection, prepared, statement, values, left);
                try (ResultSet rows = prepared.executeQuery()) {
                    List<T> read = new ArrayList<>();
                    while (rows.next()) {
                        read.add(reader.read(rows));
                    }
                    return read;
                }
            }
        });
    }

    /** Runs an insert with all these rows at once. */
    void insert(Statement statement, List<? extends Map<String, ?>> rows, Duration timeout) throws SQLException {
        connected(timeout, (connection, left) -> {
            try (PreparedStatement prepared = prepare(connection, statement, left)) {
                for (Map<String, ?> values : rows) {
                    bind(connection, prepared, statement, values, left);
                    prepared.addBatch();
                }
                return prepared.executeBatch();
            }
        });
    }

    /** Runs statements without values, one after another. */
    void execute(List<Statement> statements, Duration timeout) throws SQLException {
        connected(timeout, (connection, left) -> {
            for (Statement statement : statements) {
                try (java.sql.Statement plain = connection.createStatement()) {
                    plain.setQueryTimeout(seconds(left));
                    plain.execute(statement.sql());
                }
            }
            return true;
        });
    }

    private <T> T connected(Duration timeout, Work<T> work) throws SQLException {
        long began = System.nanoTime();
        try (Connection connection = dataSource.getConnection()) {
            Duration left = timeout.minusNanos(System.nanoTime() - began);
            if (left.toMillis() < 1) {
                throw new SQLTimeoutException("no connection within " + timeout);
            }
            int before =
                    limitSilence(connection, Math.toIntExact(left.plus(GRACE).toMillis()));
            try {
                return work.run(connection, left);
            } finally {
                if (before >= 0 && !connection.isClosed()) {
                    connection.setNetworkTimeout(Runnable::run, before);
                }
            }
        }
    }

    /** Returns the limit before, -1 if the driver has none. */
    private static int limitSilence(Connection connection, int millis) throws SQLException {
        try {
            int before = connection.getNetworkTimeout();
            if (before == 0 || before > millis) {
                connection.setNetworkTimeout(Runnable::run, millis);
            }
            return before;
        } catch (SQLFeatureNotSupportedException e) {
            return -1;
        }
    }

    private static PreparedStatement prepare(Connection connection, Statement statement, Duration left)
            throws SQLException {
        PreparedStatement prepared = connection.prepareStatement(statement.sql());
        prepared.setQueryTimeout(seconds(left));
        return prepared;
    }

    private static void bind(
            Connection connection,
            PreparedStatement prepared,
            Statement statement,
            Map<String, ?> values,
            Duration left)
            throws SQLException {
        int place = 0;
        for (String name : statement.parameters()) {
            place++;
            if (name.equals(TIMEOUT)) {
                prepared.setLong(place, seconds(left));
            } else if (!values.containsKey(name)) {
                throw new IllegalStateException("nothing is given for :" + name);
            } else {
                bind(connection, prepared, place, values.get(name));
            }
        }
    }

    private static void bind(Connection connection, PreparedStatement prepared, int place, @Nullable Object value)
            throws SQLException {
        if (value == null) {
            prepared.setNull(place, Types.VARCHAR);
        } else if (value instanceof String text) {
            prepared.setString(place, text);
        } else if (value instanceof Long number) {
            prepared.setLong(place, number);
        } else if (value instanceof Boolean flag) {
            prepared.setBoolean(place, flag);
        } else if (value instanceof String[] texts) {
            prepared.setArray(place, connection.createArrayOf("String", texts));
        } else if (value instanceof Long[] numbers) {
            prepared.setArray(place, connection.createArrayOf("Int64", numbers));
        } else {
            throw new IllegalStateException("a value of " + value.getClass() + " can't be bound");
        }
    }

    /** ClickHouse limits whole seconds. */
    private static int seconds(Duration left) {
        return Math.toIntExact(Math.max(1, left.plusMillis(999).toSeconds()));
    }
}
