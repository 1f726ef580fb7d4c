package io.usagekit.verification.soak;

import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.FaultyProxy;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The PostgreSQL that the figures are computed from, and nothing else: all that goes wrong with it goes wrong for both.
 *
 * @param postgres the server
 * @param links those of the processes to it
 */
record PostgresAlone(EmbeddedPostgresServer postgres, List<FaultyProxy> links) implements SharedStore {

    /** Without netty's, but with those of a second pool, of its statements, and the one that listens. */
    private static final int MOST_THREADS_ON_POSTGRES = 22;

    /** Of two pools a process, which may take a while to be full, and the writer's. */
    private static final int MOST_SESSIONS = SoakIT.MEMBERS * 2 * SoakLimits.PERMITS + 1;

    @Override
    public String name() {
        return "PostgreSQL alone";
    }

    @Override
    public String address() {
        return "";
    }

    @Override
    public List<Fault> faults(Random random, Checker checker) {
        return List.of();
    }

    @Override
    public List<String> connections() {
        try (Connection connection = postgres.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select s::text from pg_stat_activity s"
                        + " where s.backend_type = 'client backend' and s.pid <> pg_backend_pid()")) {
            List<String> all = new ArrayList<>();
            while (row.next()) {
                all.add(row.getString(1));
            }
            return all;
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public int mostConnections(int before) {
        return MOST_SESSIONS;
    }

    @Override
    public int mostThreads() {
        return MOST_THREADS_ON_POSTGRES;
    }

    @Override
    public void cutOnce() {
        links.forEach(FaultyProxy::cutOnce);
    }

    @Override
    public void close() {}
}
