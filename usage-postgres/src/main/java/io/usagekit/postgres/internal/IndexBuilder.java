package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds indexes without blocking writes. */
public final class IndexBuilder {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    private static final SqlStatements CATALOG = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());
    private static final SqlStatements SESSION = SqlStatements.of(SqlFiles.of("session.sql"), Map.of());
    private static final long LOCK_POLL_MILLIS = 100;

    private IndexBuilder() {}

    /**
     * Builds indexes that are missing or invalid, partition by partition where the table is partitioned. Without a statement timeout:
     * a build takes as long as its table is large.
     *
     * @param connection in auto-commit mode, on a session of its own: it holds an advisory lock
     */
    public static void build(Connection connection, String schema, List<Index> indexes) throws SQLException {
        String statementTimeout = SqlCall.of(connection, SqlTemplate.of("show statement_timeout", Map.of()))
                .one(row -> row.text("statement_timeout"));
        Jdbc.execute(connection, "set statement_timeout = 0");
        lock(connection);
        try {
            for (Index index : indexes) {
                ensure(connection, index, new Relation(schema, index.table()));
            }
        } finally {
            SqlCall.of(connection, SESSION.template("unlock-indexes")).answer();
            Jdbc.execute(connection, "set statement_timeout = " + Identifiers.literal(statementTimeout));
        }
    }

    /**
     * Takes the lock of index builds: two builders of one index would each take the other's unfinished index for a failed one. It is
     * polled, since a session that waits in a statement holds a snapshot, for which the concurrent build would wait in turn.
     */
    private static void lock(Connection connection) throws SQLException {
        while (!SqlCall.of(connection, SESSION.template("try-lock-indexes")).answer()) {
            try {
                Thread.sleep(LOCK_POLL_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new SQLException("interrupted while another session creates the indexes", e);
            }
        }
    }

    private static void ensure(Connection connection, Index index, Relation table) throws SQLException {
        boolean isPartitioned = SqlCall.of(connection, CATALOG.template("is-partitioned"))
                .text("table", table.quoted())
                .answer();
        if (isPartitioned) {
            ensureOnPartitions(connection, index, table);
        } else {
            ensureOnTable(connection, index, table);
        }
    }

    /** Builds the parent's index last: it can't be built concurrently, and becomes valid once all partitions' indexes are attached. */
    private static void ensureOnPartitions(Connection connection, Index index, Relation table) throws SQLException {
        List<Relation> uncovered = uncoveredPartitions(connection, index, table);
        for (Relation partition : uncovered) {
            ensure(connection, index, partition);
        }
        Jdbc.execute(connection, index.create(table.schema(), table.name(), Index.BLOCKING, Index.ONLY));
        for (Relation partition : uncovered) {
            Jdbc.execute(
                    connection,
                    "alter index " + table.indexed(index) + " attach partition " + partition.indexed(index));
        }
    }

    private static void ensureOnTable(Connection connection, Index index, Relation table) throws SQLException {
        Optional<Boolean> valid = SqlCall.of(connection, CATALOG.template("index-is-valid"))
                .text("index", table.indexed(index))
                .first(row -> row.flag("answer"));
        if (valid.orElse(false)) {
            return;
        }
        if (valid.isPresent()) {
            LOG.warn("index {} was left invalid by a failed build and is built again", table.indexed(index));
            Jdbc.execute(connection, "drop index concurrently if exists " + table.indexed(index));
        }
        LOG.info("building index {} on {}", table.indexed(index), table.quoted());
        Jdbc.execute(connection, index.create(table.schema(), table.name(), Index.CONCURRENTLY, ""));
    }

    private static List<Relation> uncoveredPartitions(Connection connection, Index index, Relation table)
            throws SQLException {
        List<Relation> partitions = new ArrayList<>();
        SqlCall.of(connection, CATALOG.template("partitions"))
                .text("table", table.quoted())
                .text("index", table.indexed(index))
                .forEach(row -> {
                    if (!row.flag("covered")) {
                        partitions.add(new Relation(row.text("schema"), row.text("name")));
                    }
                });
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
}
