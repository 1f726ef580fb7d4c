package io.usagekit.postgres.internal;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import javax.sql.DataSource;

/** Creates the tables and indexes that aren't there. */
public final class SchemaInstaller {

    private final DataSource dataSource;

    public SchemaInstaller(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    public void createTables(TableMapping mapping) {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(false);
            try {
                // "if not exists" doesn't keep two sessions from creating the same thing at once.
                run(connection, "select pg_advisory_xact_lock(hashtextextended('usagekit tables', 0))");
                // A session that has waited may still believe what its catalog cache held before: that the schema isn't
                // there.
                // Opening a relation makes it take note of what has been committed meanwhile.
                run(connection, "select 1 from pg_catalog.pg_namespace where false");
                run(connection, IndexDdl.tables(mapping));
                connection.commit();
            } catch (SQLException e) {
                connection.rollback();
                throw e;
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        } catch (SQLException e) {
            throw new UsageCalculationException("the tables can't be created: " + e.getMessage(), e);
        }
    }

    /** Those of the combined query. */
    public void createIndexes(TableMapping mapping) {
        createIndexes(mapping, IndexDdl.indexes(mapping));
    }

    public void createIndexes(TableMapping mapping, List<Index> indexes) {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(true);
            try {
                TableShape.read(connection, mapping);
                IndexBuilder.build(connection, mapping.schema(), indexes);
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        } catch (SQLException e) {
            throw new UsageCalculationException("the indexes can't be created: " + e.getMessage(), e);
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
