package io.usagekit.benchmarks;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.sql.DataSource;

/** A PostgreSQL server of its own for one benchmark, and statements on it. */
final class BenchmarkDatabase implements AutoCloseable {

    private static final Pattern PARAMETER = Pattern.compile("(?<!:):([a-z_]+)");

    private final EmbeddedPostgresServer server;
    private final HikariDataSource pool;

    BenchmarkDatabase() {
        this(Map.of());
    }

    /** With these settings of {@code postgresql.conf}. */
    BenchmarkDatabase(Map<String, String> settings) {
        server = EmbeddedPostgresServer.start(settings);
        pool = pool(server.jdbcUrl(), 8);
    }

    private static HikariDataSource pool(String url, int size) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setMaximumPoolSize(size);
        return new HikariDataSource(config);
    }

    /** Connections to another database of the server, which the caller closes. */
    HikariDataSource poolOf(String database) {
        return poolOf(database, 4);
    }

    /** So many of them. */
    HikariDataSource poolOf(String database, int size) {
        return pool(server.jdbcUrl().replaceFirst("/[^/?]+([?]|$)", "/" + database + "$1"), size);
    }

    HikariDataSource pool() {
        return pool;
    }

    /** A pool of one connection, whose server process does all that is sent; the caller closes it. */
    HikariDataSource poolOfOne() {
        return pool(server.jdbcUrl(), 1);
    }

    void run(String... statements) throws SQLException {
        run(pool, statements);
    }

    static void run(DataSource pool, String... statements) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    long count(String query) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    /**
     * Creates the gateway's tables with events of 90 days in it, of 100 organisations {@code org-1} to {@code org-100} whose shares follow
     * Zipf's law, and two deliveries of each event.
     */
    void createGatewayTables(String schema, int events) throws SQLException {
        createGatewayTables(pool, schema, events, 90);
    }

    /** The same in another database, with events of this many days. */
    static void createGatewayTables(DataSource pool, String schema, int events, int days) throws SQLException {
        String script = resource("/io/usagekit/postgres/baseline-tables.sql")
                .replace("{s}", schema)
                .replace("{events}", Integer.toString(events))
                .replace("{organisations}", "100")
                .replace(
                        "{event_time}",
                        "timestamptz '2026-04-01Z' - ((" + events + " - n)::float8 / " + events + ") * interval '"
                                + days + " days'")
                .replace("{delay}", "1 hour");
        run(pool, script.replaceAll("(?m)^--.*$", "").strip().split(";\\s*"));
    }

    /** Reads all rows of a query of a resource, whose parameters are written {@code :name}. */
    void read(Connection connection, String resource, String schema, Map<String, ?> values) throws SQLException {
        String sql = resource(resource).replaceAll("(?m)^--.*$", "").replace("{s}", schema);
        List<Object> bound = new ArrayList<>();
        Matcher parameter = PARAMETER.matcher(sql);
        while (parameter.find()) {
            bound.add(String.valueOf(values.get(parameter.group(1))));
        }
        try (PreparedStatement statement =
                connection.prepareStatement(PARAMETER.matcher(sql).replaceAll("?"))) {
            for (int i = 0; i < bound.size(); i++) {
                statement.setObject(i + 1, bound.get(i), java.sql.Types.OTHER);
            }
            try (ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    row.getObject(1);
                }
            }
        }
    }

    private static String resource(String name) {
        try (InputStream resource = BenchmarkDatabase.class.getResourceAsStream(name)) {
            if (resource == null) {
                throw new IllegalStateException("no resource " + name);
            }
            return new String(resource.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        pool.close();
        server.close();
    }
}
