package io.usagekit.postgres.internal;

import java.sql.Connection;
import java.sql.SQLException;
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
    private static final List<String> TIMEOUTS = List.of("statement_timeout", "lock_timeout");

    private IndexBuilder() {}

    /**
     * Builds indexes that are missing or invalid, partition by partition where the table is partitioned. Without a timeout: a build takes
     * as long as its table is large, and waits for transactions that use the table; neither blocks other sessions.
     */
    public static void build(Installation installation, String schema, List<Index> indexes) throws SQLException {
        Connection connection = installation.connection();
        Map<String, String> before = new LinkedHashMap<>();
        try {
            for (String timeout : TIMEOUTS) {
                before.put(
                        timeout,
                        SqlCall.of(connection, SqlTemplate.of("show " + timeout, Map.of()))
                                .one(row -> row.text(timeout)));
                Jdbc.execute(connection, "set " + timeout + " = 0");
            }
            for (Index index : indexes) {
                ensure(installation, index, new Relation(schema, index.table()));
            }
        } catch (Throwable e) {
            try {
                restore(connection, before);
            } catch (SQLException restoring) {
                e.addSuppressed(restoring);
            }
            throw e;
        }
        restore(connection, before);
    }

    /** Aborts the connection where that fails, e.g. since an interrupt cancels it: a pool would hand it out without timeouts. */
    private static void restore(Connection connection, Map<String, String> before) throws SQLException {
        try {
            for (Map.Entry<String, String> timeout : before.entrySet()) {
                Jdbc.execute(connection, "set " + timeout.getKey() + " = " + Identifiers.literal(timeout.getValue()));
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
