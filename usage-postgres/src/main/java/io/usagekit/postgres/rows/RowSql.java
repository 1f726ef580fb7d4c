package io.usagekit.postgres.rows;

import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsageStorageException;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.MappedNames;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.paging.KeysetScan;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The statements that read rows of one mapping, and retained sums in one schema. Thread-safe. */
final class RowSql {

    static final SqlSource SOURCE = SqlFiles.of("rows/read.sql");

    /** The fragments of {@code rollups/read.sql} that say which retained sums a figure counts. */
    private static final List<String> RETAINED = List.of("retained-quarters", "retained-is-cut");

    private final SqlStatements statements;
    private final String rollups;
    private final Map<String, String> shared;

    private RowSql(SqlStatements statements, String rollups) {
        this.statements = statements;
        this.rollups = rollups;
        this.shared = shared();
    }

    /**
     * The statements over these tables.
     *
     * @param rollups the roll-ups' schema
     */
    static RowSql over(TableShape shape, ProjectScope projects, String rollups, SqlSource source) {
        Map<String, String> names = MappedNames.of(shape);
        names.put("project.counts", MappedNames.counts(shape, projects));
        names.put("rollups", Identifiers.quote(rollups));
        return new RowSql(SqlStatements.of(source, names), rollups);
    }

    /** The fragments that say what a figure counts, which other files hold. */
    static Map<String, String> shared() {
        Map<String, String> fragments = new HashMap<>(CombinedQuery.counting());
        SqlStatements figures = SqlStatements.of(SqlFiles.of("rollups/read.sql"), Map.of());
        RETAINED.forEach(name -> fragments.put(name, figures.text(name, Map.of())));
        return fragments;
    }

    SqlStatements statements() {
        return statements;
    }

    /** A call of the statement that reads the rows of a scan. */
    SqlCall page(Connection connection, RowKind<?> kind, UsageKey key, Scan scan) {
        Map<String, String> fragments = fragments(kind);
        fragments.putAll(KeysetScan.fragments(scan));
        SqlCall call = SqlCall.of(connection, statements.template("page-" + kind.name(), fragments))
                .text("organisation_id", key.organisationId())
                .instant("start", KeysetScan.from(key.period().start(), scan))
                .instant("end", KeysetScan.before(key.period().end(), scan));
        return KeysetScan.bindTo(call, scan);
    }

    /** A call of the statement that reads all rows. */
    SqlCall all(Connection connection, RowKind<?> kind, UsageKey key) {
        return bound(SqlCall.of(connection, statements.template("all-" + kind.name(), fragments(kind))), key);
    }

    private Map<String, String> fragments(RowKind<?> kind) {
        Map<String, String> fragments = new HashMap<>(shared);
        fragments.put("row-time", kind.order().time());
        fragments.put("row-id", kind.order().id());
        return fragments;
    }

    private static SqlCall bound(SqlCall call, UsageKey key) {
        return call.text("organisation_id", key.organisationId())
                .instant("start", key.period().start())
                .instant("end", key.period().end());
    }

    /**
     * Reads what the figure counts of rows that retention has deleted.
     *
     * @throws UsageStorageException if there are such sums, and this role can't read them
     */
    RetainedUsage retained(Connection connection, RowKind<?> kind, UsageKey key) throws SQLException {
        boolean isUsed = SqlCall.of(connection, statements.template("retained-state"))
                .text("schema", rollups)
                .first(this::isUsed)
                .orElse(false);
        return isUsed
                ? bound(SqlCall.of(connection, statements.template("retained", shared)), key)
                        .one(row -> retained(row, kind.name()))
                : RetainedUsage.NONE;
    }

    private boolean isUsed(SqlRow row) throws SQLException {
        if (row.flag("is_used") && !row.flag("readable")) {
            throw UsageStorageException.permanent(
                    "the roll-ups in the schema " + Identifiers.quote(rollups)
                            + " hold sums of rows that retention has deleted, and this role can't read them; grant it"
                            + " USAGE on the schema and SELECT on its tables retained and state",
                    null);
        }
        return row.flag("is_used");
    }

    private static RetainedUsage retained(SqlRow row, String kind) throws SQLException {
        return new RetainedUsage(
                new UsageMetrics(row.number(kind + "_volume"), row.number(kind + "_bytes")),
                row.optionalInstant(kind + "_from"),
                row.optionalInstant(kind + "_before"),
                row.flag("cut"));
    }
}
