package io.usagekit.postgres.testing;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.internal.Identifiers;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * A database of one suite on the shared server. Its catalog holds no dead rows of other suites, and no session of another suite keeps
 * {@code VACUUM} from marking its pages as visible to all: buffers and heap fetches are the same in every run.
 */
public final class OwnDatabase implements AutoCloseable {

    private final String name;
    private final HikariDataSource pool;

    private OwnDatabase(String name) {
        this.name = name;
        this.pool = Database.pool(Database.jdbcUrl().replaceFirst("/[^/?]+([?]|$)", "/" + name + "$1"));
    }

    /** Creates a database whose name begins like that. */
    public static OwnDatabase create(String base) {
        String name = Database.newName(base);
        Database.execute(
                "drop database if exists " + Identifiers.quote(name) + " with (force)",
                "create database " + Identifiers.quote(name));
        return new OwnDatabase(name);
    }

    public HikariDataSource pool() {
        return pool;
    }

    public void execute(String... statements) {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    /** Closes the pool and drops the database. */
    @Override
    public void close() {
        pool.close();
        Database.execute("drop database " + Identifiers.quote(name) + " with (force)");
    }
}
