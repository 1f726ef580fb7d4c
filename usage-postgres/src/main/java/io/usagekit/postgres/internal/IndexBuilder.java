package io.usagekit.postgres.internal;

import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.driver.OpenTransaction;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLNonTransientException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Builds indexes without blocking writes, and reads which of them exist. */
public final class IndexBuilder {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    private static final SqlStatements CATALOG = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());
    private static final SqlTemplate LIMITS =
            SqlStatements.of(SqlFiles.of("session.sql"), Map.of()).template("limits");

    private IndexBuilder() {}

    /**
     * Builds indexes that are missing or invalid, partition by partition where the table is partitioned. An index of the host's own that
     * serves as well is enough. Without a timeout: a build takes as long as its table is large, and waits for transactions that use the
     * table; neither blocks other sessions.
     */
    public static void build(Installation installation, String schema, List<Index> indexes) throws SQLException {
        for (Index index : indexes) {
            if (isLacking(installation.connection(), schema, index)) {
                ensure(installation, index, new Relation(schema, index.table()));
            }
        }
    }

    /** Reads which of these indexes exist. */
    public static List<IndexStatus> statuses(Connection connection, String schema, List<Index> indexes)
            throws SQLException {
        List<IndexStatus> statuses = new ArrayList<>();
        for (Index index : indexes) {
            statuses.add(status(connection, index, new Relation(schema, index.table())));
        }
        return statuses;
    }

    /** Whether an index is missing or invalid. */
    public static boolean isLacking(Connection connection, String schema, Index index) throws SQLException {
        return status(connection, index, new Relation(schema, index.table())).isLacking();
    }

    /** Logs which of the combined query's indexes are missing, if any is. */
    public static void warnOfMissing(Connection connection, TableMapping mapping) throws SQLException {
        String missing = statuses(connection, mapping.schema(), IndexDdl.indexes(mapping)).stream()
                .filter(IndexStatus::isLacking)
                .map(IndexStatus::toString)
                .collect(Collectors.joining("; "));
        if (!missing.isEmpty()) {
            LOG.warn(
                    "figures read more blocks than they need, since indexes are missing: on {}; build them by"
                            + " PostgresUsage.installIndexes or the command \"usage indexes install\"",
                    missing);
        }
    }

    /** Returns the statements that build these indexes, as {@link #build} runs them, those that exist already included. */
    static String script(Connection connection, String schema, List<Index> indexes) throws SQLException {
        StringBuilder script = new StringBuilder();
        for (Index index : indexes) {
            Relation table = new Relation(schema, index.table());
            IndexStatus status = status(connection, index, table);
            boolean isHosts = status.state() == IndexStatus.State.PRESENT
                    && !status.name().equals(Optional.of(index.nameOn(table.name())));
            if (isHosts) {
                script.append("-- ")
                        .append(table.quoted().replaceAll("\\R", " "))
                        .append(" has an index of its own that serves as ")
                        .append(index.definition().replaceAll("\\R", " "))
                        .append('\n');
            } else {
                appendTo(script, connection, index, table);
            }
        }
        return script.toString();
    }

    private static void appendTo(StringBuilder script, Connection connection, Index index, Relation table)
            throws SQLException {
        if (!isPartitioned(connection, table)) {
            if (isValid(connection, index, table).equals(Optional.of(false))) {
                script.append("drop index concurrently if exists ")
                        .append(table.indexed(index))
                        .append(";\n");
            }
            script.append(index.create(table.schema(), table.name(), Index.CONCURRENTLY, ""))
                    .append(";\n");
            return;
        }
        List<Relation> uncovered = uncoveredPartitions(connection, index, table);
        for (Relation partition : uncovered) {
            appendTo(script, connection, index, partition);
        }
        script.append(index.create(table.schema(), table.name(), Index.BLOCKING, Index.ONLY))
                .append(";\n");
        for (Relation partition : uncovered) {
            script.append(attach(index, table, partition)).append(";\n");
        }
    }

    private static IndexStatus status(Connection connection, Index index, Relation table) throws SQLException {
        String own = index.nameOn(table.name());
        Optional<Found> found = searching(connection, "find-index", index, table)
                .text("own", own)
                .first(row -> new Found(
                        row.flag("indexable"),
                        row.flag("partitioned"),
                        row.optionalText("serving"),
                        row.flag("is_invalid")));
        if (found.isEmpty() || found.get().serving().isPresent()) {
            return status(
                    index,
                    table,
                    found.isEmpty() ? IndexStatus.State.MISSING : IndexStatus.State.PRESENT,
                    found.flatMap(Found::serving));
        }
        if (!found.get().isIndexable()) {
            return status(index, table, IndexStatus.State.NOT_A_TABLE, Optional.empty());
        }
        if (found.get().isPartitioned()) {
            return partitionedStatus(connection, index, table);
        }
        return found.get().isInvalid()
                ? status(index, table, IndexStatus.State.INVALID, Optional.of(own))
                : status(index, table, IndexStatus.State.MISSING, Optional.empty());
    }

    /** What a search for an index of a table found. */
    private record Found(boolean isIndexable, boolean isPartitioned, Optional<String> serving, boolean isInvalid) {}

    private static IndexStatus status(Index index, Relation table, IndexStatus.State state, Optional<String> name) {
        return new IndexStatus(table.quoted(), index.definition(), state, name, List.of());
    }

    /** The parent has no index that serves; each partition may have one of its own. */
    private static IndexStatus partitionedStatus(Connection connection, Index index, Relation table)
            throws SQLException {
        List<String> lacking = new ArrayList<>();
        List<String> served = new ArrayList<>();
        searching(connection, "leaves", index, table)
                .forEach(row -> (row.flag("is_served") ? served : lacking)
                        .add(Identifiers.qualified(row.text("schema"), row.text("name"))));
        return !served.isEmpty() && lacking.isEmpty()
                ? status(index, table, IndexStatus.State.PRESENT, Optional.empty())
                : new IndexStatus(
                        table.quoted(), index.definition(), IndexStatus.State.MISSING, Optional.empty(), lacking);
    }

    private static SqlCall searching(Connection connection, String statement, Index index, Relation table)
            throws SQLException {
        Index.Columns columns = index.columns().orElse(Index.Columns.NONE);
        return SqlCall.of(connection, CATALOG.template(statement))
                .text("table", table.quoted())
                .texts("keys", columns.keys())
                .texts("covered", columns.covered())
                .texts("unconditional", columns.unconditional())
                .text("condition", columns.printed());
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
                    OpenTransaction.ACTIVE_SQL_TRANSACTION);
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
        if (isPartitioned(installation.connection(), table)) {
            ensureOnPartitions(installation, index, table);
        } else {
            ensureOnTable(installation.connection(), index, table);
        }
    }

    private static boolean isPartitioned(Connection connection, Relation table) throws SQLException {
        return SqlCall.of(connection, CATALOG.template("is-partitioned"))
                .text("table", table.quoted())
                .answer();
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
                Jdbc.execute(it, attach(index, table, partition));
                return partition;
            });
        }
    }

    private static String attach(Index index, Relation table, Relation partition) {
        return "alter index " + table.indexed(index) + " attach partition " + partition.indexed(index);
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
