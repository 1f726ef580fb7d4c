package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLNonTransientException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds indexes without blocking writes. */
public final class IndexBuilder {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    private static final SqlStatements CATALOG = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());
    private static final SqlTemplate LIMITS =
            SqlStatements.of(SqlFiles.of("session.sql"), Map.of()).template("limits");

    private IndexBuilder() {}

    /**
     * Builds indexes that are missing or invalid, partition by partition where the table is partitioned. Without a timeout: a build takes
     * as long as its table is large, and waits for transactions that use the table; neither blocks other sessions.
     */
    public static void build(Installation installation, String schema, List<Index> indexes) throws SQLException {
        for (Index index : indexes) {
            ensure(installation, index, new Relation(schema, index.table()));
        }
    }

    /**
     * Runs a statement outside a transaction, without the limits that its session has. Behind a pooler these can't be lifted: what is set
     * for a session there stays with the next one.
     *
     * @throws SQLException also if there are limits that can't be lifted
     */
    private static void unlimited(Connection connection, String object, String statement) throws SQLException {
        Map<String, String> limits = new LinkedHashMap<>();
        SqlCall.of(connection, LIMITS).forEach(row -> limits.put(row.text("name"), row.text("value")));
        if (!limits.isEmpty() && Jdbc.isShared(connection)) {
            throw new SQLNonTransientException(
                    object + " can't be built through a pooler by a role that has " + limits
                            + ", which may end it half way: call this with a connection to PostgreSQL itself, or set "
                            + String.join(", ", limits.keySet()) + " to 0 or off for the role",
                    SqlErrors.ACTIVE_SQL_TRANSACTION);
        }
        try {
            for (String limit : limits.keySet()) {
                Jdbc.execute(connection, "set " + limit + " = " + (limit.endsWith("timeout") ? "0" : "off"));
            }
            Jdbc.execute(connection, statement);
        } catch (Throwable e) {
            try {
                restore(connection, limits);
            } catch (SQLException restoring) {
                e.addSuppressed(restoring);
            }
            throw e;
        }
        restore(connection, limits);
    }

    /** Aborts the connection where that fails, e.g. since an interrupt cancels it: a pool would hand it out without limits. */
    private static void restore(Connection connection, Map<String, String> limits) throws SQLException {
        try {
            for (Map.Entry<String, String> limit : limits.entrySet()) {
                Jdbc.execute(connection, "set " + limit.getKey() + " = " + Identifiers.literal(limit.getValue()));
            }
        } catch (SQLException e) {
            Jdbc.abort(connection);
            throw e;
        }
    }

    private static void ensure(Installation installation, Index index, Relation table) throws SQLException {
        boolean isPartitioned = SqlCall.of(installation.connection(), CATALOG.template("is-partitioned"))
                .text("table", table.quoted())
                .answer();
        if (isPartitioned) {
            ensureOnPartitions(installation, index, table);
        } else {
            ensureOnTable(installation.connection(), index, table);
        }
    }

    /**
     * Builds the parent's index last: it can't be built concurrently, and becomes valid once all partitions' indexes are attached. Both
     * are changes of the catalog, which lock the parent against writers, and a partition's index against all.
     */
    private static void ensureOnPartitions(Installation installation, Index index, Relation table) throws SQLException {
        Connection connection = installation.connection();
        List<Relation> uncovered = uncoveredPartitions(connection, index, table);
        for (Relation partition : uncovered) {
            ensure(installation, index, partition);
        }
        if (isValid(connection, index, table).isEmpty()) {
            installation.change(table.quoted(), it -> {
                installation.locks().lock(it, Map.of("only " + table.quoted(), "share"));
                Jdbc.execute(it, index.create(table.schema(), table.name(), Index.BLOCKING, Index.ONLY));
                return table;
            });
        }
        for (Relation partition : uncovered) {
            installation.change(partition.quoted(), it -> {
                Jdbc.execute(
                        it, "alter index " + table.indexed(index) + " attach partition " + partition.indexed(index));
                return partition;
            });
        }
    }

    /** Whether an index is valid; empty if there is none. */
    private static Optional<Boolean> isValid(Connection connection, Index index, Relation table) throws SQLException {
        return SqlCall.of(connection, CATALOG.template("index-is-valid"))
                .text("index", table.indexed(index))
                .first(row -> row.flag("answer"));
    }

    private static void ensureOnTable(Connection connection, Index index, Relation table) throws SQLException {
        Optional<Boolean> valid = isValid(connection, index, table);
        if (valid.orElse(false)) {
            return;
        }
        if (valid.isPresent()) {
            LOG.warn("index {} was left invalid by a failed build and is built again", table.indexed(index));
            unlimited(connection, table.indexed(index), "drop index concurrently if exists " + table.indexed(index));
        }
        LOG.info("building index {} on {}", table.indexed(index), table.quoted());
        unlimited(connection, table.indexed(index), index.create(table.schema(), table.name(), Index.CONCURRENTLY, ""));
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
