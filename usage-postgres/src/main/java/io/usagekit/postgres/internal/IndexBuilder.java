package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds indexes without blocking writes. */
public final class IndexBuilder {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    private static final SqlTemplate PARTITIONS = template("partitions.sql");
    private static final SqlTemplate IS_PARTITIONED = template("is-partitioned.sql");
    private static final SqlTemplate INDEX_STATE = template("index-state.sql");
    private static final SqlTemplate TRY_LOCK = template("install-lock.sql");
    private static final SqlTemplate UNLOCK = template("install-unlock.sql");
    private static final long LOCK_POLL_MILLIS = 100;

    private static SqlTemplate template(String resource) {
        return SqlTemplate.of(SqlTemplate.resource(resource), Map.of());
    }

    private IndexBuilder() {}

    /**
     * Builds those that are missing or were left invalid, partition by partition where the table is partitioned. A build takes
     * its time: no statement timeout meanwhile.
     *
     * @param connection in auto-commit mode, on a session of its own: it holds an advisory lock
     */
    public static void build(Connection connection, String schema, List<Index> indexes) throws SQLException {
        String statementTimeout = text(connection, "show statement_timeout");
        run(connection, "set statement_timeout = 0");
        lock(connection);
        try {
            for (Index index : indexes) {
                ensure(connection, index, new Relation(schema, index.table()));
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

    private static void ensure(Connection connection, Index index, Relation table) throws SQLException {
        if (ask(connection, IS_PARTITIONED, Map.of("table", table.quoted())).orElse(false)) {
            ensureOnPartitions(connection, index, table);
        } else {
            ensureOnTable(connection, index, table);
        }
    }

    /** The parent's index can't be built concurrently; it becomes valid once each partition has its part attached. */
    private static void ensureOnPartitions(Connection connection, Index index, Relation table) throws SQLException {
        List<Relation> uncovered = uncoveredPartitions(connection, index, table);
        for (Relation partition : uncovered) {
            ensure(connection, index, partition);
        }
        run(connection, index.create(table.schema(), table.name(), Index.BLOCKING, Index.ONLY));
        for (Relation partition : uncovered) {
            run(connection, "alter index " + table.indexed(index) + " attach partition " + partition.indexed(index));
        }
    }

    private static void ensureOnTable(Connection connection, Index index, Relation table) throws SQLException {
        Optional<Boolean> valid = ask(connection, INDEX_STATE, Map.of("index", table.indexed(index)));
        if (valid.orElse(false)) {
            return;
        }
        if (valid.isPresent()) {
            LOG.warn("index {} was left invalid by a failed build and is built anew", table.indexed(index));
            run(connection, "drop index concurrently if exists " + table.indexed(index));
        }
        LOG.info("building index {} on {}", table.indexed(index), table.quoted());
        run(connection, index.create(table.schema(), table.name(), Index.CONCURRENTLY, ""));
    }

    private static List<Relation> uncoveredPartitions(Connection connection, Index index, Relation table)
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

        String indexed(Index index) {
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
