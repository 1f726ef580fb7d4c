package io.usagekit.servers;

import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * A PostgreSQL server for tests.
 *
 * <p>{@link #start()} takes the one that the environment variable {@value #URL_VARIABLE} names (a JDBC URL with user and
 * password, of a database in which schemas may be created and dropped), or else starts an embedded one.
 * {@link #startContainer(String)} starts an official image, where there is a Docker engine.
 *
 * @since 0.1
 */
public interface PostgresServer extends AutoCloseable {

    /** Names a server that is running already. */
    String URL_VARIABLE = "USAGEKIT_TEST_JDBC_URL";

    /** Where it listens, with user and password. */
    String jdbcUrl();

    /** Stops it, unless it was running already. */
    @Override
    void close();

    /** Connections to it, one server connection each, no pool. */
    default DataSource dataSource() {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(jdbcUrl());
        return dataSource;
    }

    /** The server that the environment names, once no other JVM uses it, or an embedded one on a free port. */
    static PostgresServer start() {
        String url = System.getenv(URL_VARIABLE);
        if (url == null || url.isBlank()) {
            return EmbeddedPostgresServer.start();
        }
        RunningServers.reserve();
        return new External(url);
    }

    /**
     * An official image, e.g. {@code postgres:17}.
     *
     * @throws IllegalStateException if there is no Docker engine; ask {@link Docker#isAvailable()} first
     */
    static PostgresServer startContainer(String image) {
        return PostgresContainer.start(image);
    }

    /** Somebody else's server. */
    record External(String jdbcUrl) implements PostgresServer {
        @Override
        public void close() {}
    }
}
