package io.usagekit.cli.support;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.StringJoiner;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/** Connections whose failures name the server, and the limit of time where it was reached. */
final class BoundedDataSource extends PGSimpleDataSource {

    private static final long serialVersionUID = 1L;

    private static final String CONNECTION_FAILURES = "08";

    @Override
    public Connection getConnection(@Nullable String user, @Nullable String password) throws SQLException {
        long began = System.nanoTime();
        try {
            return super.getConnection(user, password);
        } catch (SQLException e) {
            String state = String.valueOf(e.getSQLState());
            if (!state.startsWith(CONNECTION_FAILURES)
                    || String.valueOf(e.getMessage()).contains(servers())) {
                throw e;
            }
            boolean timedOut = System.nanoTime() - began >= TimeUnit.SECONDS.toNanos(getLoginTimeout());
            throw new SQLException(
                    "no connection to the database server " + servers()
                            + (timedOut ? " within " + getLoginTimeout() + " s (loginTimeout of --jdbc-url)" : ""),
                    state,
                    e);
        }
    }

    private String servers() {
        StringJoiner servers = new StringJoiner(",");
        String[] names = getServerNames();
        int[] ports = getPortNumbers();
        for (int i = 0; i < names.length; i++) {
            servers.add(names[i] + ":" + ports[i]);
        }
        return servers.toString();
    }
}
