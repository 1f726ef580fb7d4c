package io.usagekit.postgres;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the tables and indexes that aren't there. */
final class Installer {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresUsage.class);

    private static final SqlTemplate PARTITIONS = template("partitions.sql");
    private static final SqlTemplate IS_PARTITIONED = template("is-partitioned.sql");
    private static final SqlTemplate INDEX_STATE = template("index-state.sql");
    private static final SqlTemplate TRY_LOCK = template("install-lock.sql");
    private static final SqlTemplate UNLOCK = template("install-unlock.sql");
    private static final long LOCK_POLL_MILLIS = 100;

    private final DataSource dataSource;

    Installer(DataSource dataSource) {
        this.dataSource = dataSource;
    }

    private static SqlTemplate template(String resource) {
        return SqlTemplate.of(SqlTemplate.resource(resource), Map.of());
    }

    void createTables(TableMapping mapping) {
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
                run(connection, Ddl.tables(mapping));
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
    void createIndexes(TableMapping mapping) {
        createIndexes(mapping, Ddl.indexes(mapping));
    }

    void createIndexes(TableMapping mapping, List<Ddl.Index> indexes) {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(true);
            try {
                TableShape.read(connection, mapping);
                createIndexes(connection, mapping, indexes);
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        } catch (SQLException e) {
            throw new UsageCalculationException("the indexes can't be created: " + e.getMessage(), e);
        }
    }

    /** A build takes its time: no statement timeout meanwhile. */
    private static void createIndexes(Connection connection, TableMapping mapping, List<Ddl.Index> indexes)
            throws SQLException {
        String statementTimeout = text(connection, "show statement_timeout");
        run(connection, "set statement_timeout = 0");
        lock(connection);
        try {
            for (Ddl.Index index : indexes) {
                ensure(connection, index, new Relation(mapping.schema(), index.table()));
            }
        } finally {
            ask(connection, UNLOCK, Map.of());
            run(connection, "set statement_timeout = " + Identifiers.literal(statementTimeout));
        }
    }

    /**
     * Two builders of one index would each take the other's unfinished one for a failed one. Asked for again and again rather
     * than waited for: a session that waits in a statement holds a snapshot, which the concurrent build would wait for in turn.
     */
    private static void lock(Connection connection) throws SQLException {
        while (!ask(connection, TRY_LOCK, Map.of()).orElse(false)) {
            try {
                Thread.sleep(LOCK_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new SQLException("interrupted while another session creates the indexes", e);
            }
        }
    }

    private static void ensure(Connection connection, Ddl.Index index, Relation table) throws SQLException {
        if (ask(connection, IS_PARTITIONED, Map.of("table", table.quoted())).orElse(false)) {
            ensureOnPartitions(connection, index, table);
        } else {
            ensureOnTable(connection, index, table);
        }
    }

    /** The parent's index can't be built concurrently; it becomes valid once each partition has its part attached. */
    private static void ensureOnPartitions(Connection connection, Ddl.Index index, Relation table) throws SQLException {
        List<Relation> uncovered = uncoveredPartitions(connection, index, table);
        for (Relation partition : uncovered) {
            ensure(connection, index, partition);
        }
        run(connection, Ddl.create(index, table.schema(), table.name(), Ddl.Build.BLOCKING, "only "));
        for (Relation partition : uncovered) {
            run(connection, "alter index " + table.indexed(index) + " attach partition " + partition.indexed(index));
        }
    }

    private static void ensureOnTable(Connection connection, Ddl.Index index, Relation table) throws SQLException {
        Optional<Boolean> valid = ask(connection, INDEX_STATE, Map.of("index", table.indexed(index)));
        if (valid.orElse(false)) {
            return;
        }
        if (valid.isPresent()) {
            LOG.warn("index {} was left invalid by a failed build and is built anew", table.indexed(index));
            run(connection, "drop index concurrently if exists " + table.indexed(index));
        }
        LOG.info("building index {} on {}", table.indexed(index), table.quoted());
        run(connection, Ddl.create(index, table.schema(), table.name(), Ddl.Build.CONCURRENTLY, ""));
    }

    private static List<Relation> uncoveredPartitions(Connection connection, Ddl.Index index, Relation table)
            throws SQLException {
        List<Relation> partitions = new ArrayList<>();
        Map<String, String> values = Map.of("table", table.quoted(), "index", table.indexed(index));
        try (PreparedStatement statement = PARTITIONS.prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                if (!row.getBoolean("covered")) {
                    partitions.add(new Relation(row.getString("schema"), row.getString("name")));
                }
            }
        }
        return partitions;
    }

    /** A table or one of its partitions, which may be in another schema. */
    private record Relation(String schema, String name) {

        String quoted() {
            return Identifiers.qualified(schema, name);
        }

        String indexed(Ddl.Index index) {
            return Identifiers.qualified(schema, index.nameOn(name));
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String text(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    private static Optional<Boolean> ask(Connection connection, SqlTemplate question, Map<String, String> values)
            throws SQLException {
        try (PreparedStatement statement = question.prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            return row.next() ? Optional.of(row.getBoolean("answer")) : Optional.empty();
        }
    }
}
