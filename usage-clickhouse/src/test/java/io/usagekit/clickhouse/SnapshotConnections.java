package io.usagekit.clickhouse;

import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Hands out one connection again and again, whose transactions that read all have the same snapshot, which another session has exported: so figures
 * of several calculators are those of one state. For one thread.
 */
final class SnapshotConnections implements AutoCloseable {

    private static final String ISOLATION =
            "set transaction isolation level (read committed|repeatable read), read only;";

    private final DataSource dataSource;
    private @Nullable Connection connection;
    private String snapshot = "";

    SnapshotConnections(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    /** Exports the snapshot of a transaction, which is to stay open; the transactions that read have it from now on. */
    void exportedBy(Connection holder) throws SQLException {
        try (Statement statement = holder.createStatement();
                var row = statement.executeQuery("select pg_export_snapshot()")) {
            row.next();
            snapshot = row.getString(1);
        }
    }

    DataSource dataSource() {
        return CyclePoint.proxy(
                DataSource.class,
                (proxy, method, values) -> method.getName().equals("getConnection")
                        ? lent(open())
                        : CyclePoint.invoke(dataSource, method, values));
    }

    private Connection open() throws SQLException {
        Connection open = connection;
        if (open == null || open.isClosed()) {
            open = dataSource.getConnection();
            connection = open;
        }
        return open;
    }

    private Connection lent(Connection open) {
        return CyclePoint.proxy(Connection.class, (proxy, method, values) -> {
            if (method.getName().equals("close")) {
                return null;
            }
            Object result = inSnapshot(open, method, values);
            if (!method.getName().equals("createStatement")) {
                return result;
            }
            Object opened = Objects.requireNonNull(result);
            return CyclePoint.proxy(Statement.class, (of, called, texts) -> inSnapshot(opened, called, texts));
        });
    }

    private @Nullable Object inSnapshot(Object target, Method method, Object @Nullable [] values) throws Throwable {
        if (values != null && values.length > 0 && values[0] instanceof String sql) {
            values[0] = sql.replaceFirst(
                    ISOLATION,
                    "set transaction isolation level repeatable read, read only; set transaction snapshot '" + snapshot
                            + "';");
        }
        return CyclePoint.invoke(target, method, values);
    }

    @Override
    public void close() throws SQLException {
        if (connection != null) {
            connection.close();
        }
    }
}
