package io.usagekit.postgres.internal;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;

/** Creates the tables and indexes that aren't there. */
public final class SchemaInstaller {

    private static final SqlStatements SESSION = SqlStatements.of(SqlFiles.of("session.sql"), Map.of());

    private final Jdbc jdbc;

    public SchemaInstaller(DataSource dataSource) {
        this.jdbc = new Jdbc(dataSource);
    }

    /** Creates the library's own tables and their indexes, all of them or none. */
    public void createTables(TableMapping mapping) {
        try {
            jdbc.schemaChange(connection -> {
                lockTables(connection);
                Jdbc.execute(connection, IndexDdl.tables(mapping));
                return mapping;
            });
        } catch (SQLException e) {
            throw new UsageStorageException("the tables can't be created: " + e.getMessage(), e);
        }
    }

    /** Keeps other sessions from creating the library's tables until the transaction ends. */
    public static void lockTables(Connection connection) throws SQLException {
        SqlCall.of(connection, SESSION.template("lock-tables")).execute();
        refreshCatalog(connection);
    }

    /**
     * Makes the session see what others created while it waited for a lock. Its catalog cache may still hold that a schema is
     * missing; to open a relation makes it process the invalidations that have been committed meanwhile.
     */
    public static void refreshCatalog(Connection connection) throws SQLException {
        Jdbc.execute(connection, "select 1 from pg_catalog.pg_namespace where false");
    }

    /** Creates the indexes of the combined query. */
    public void createIndexes(TableMapping mapping) {
        createIndexes(mapping, IndexDdl.indexes(mapping));
    }

    /** Creates indexes on the mapped tables, which are checked first. */
    public void createIndexes(TableMapping mapping, List<Index> indexes) {
        try {
            jdbc.session(connection -> {
                TableShape.readForStorage(connection, mapping);
                IndexBuilder.build(connection, mapping.schema(), indexes);
                return mapping;
            });
        } catch (SQLException e) {
            throw new UsageStorageException("the indexes can't be created: " + e.getMessage(), e);
        }
    }
}
