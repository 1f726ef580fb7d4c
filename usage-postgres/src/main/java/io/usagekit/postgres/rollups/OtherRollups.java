package io.usagekit.postgres.rollups;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Roll-ups in other schemas whose triggers the host's tables have: those of another mapping, or those that the tables had before they or
 * a schema were renamed. The latter, which no mapping finds any more, are taken over by an installation.
 */
final class OtherRollups {

    /**
     * Roll-ups in another schema.
     *
     * @param schema not quoted
     * @param triggers the names of their triggers on the tables
     * @param holdsRetained whether they hold sums of rows that retention has deleted
     */
    record Found(String schema, List<String> triggers, boolean holdsRetained) {}

    private OtherRollups() {}

    /**
     * Returns all of them; needs no privilege on them.
     *
     * @param schema of the roll-ups that aren't among them, not quoted
     */
    static List<Found> find(Connection connection, TableMapping mapping, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "other-rollups")
                .text("events", Identifiers.qualified(mapping.schema(), mapping.events()))
                .text("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()))
                .text("schema", Identifiers.quote(schema))
                .list(row -> new Found(row.text("schema"), row.texts("triggers"), row.flag("holds_retained")));
    }

    /** Returns the schemas of those that are to be taken over: the tables or their own schema were renamed, or moved. */
    static List<String> renamed(Connection connection, TableShape shape, String schema) throws SQLException {
        List<String> renamed = new ArrayList<>();
        for (Found found : find(connection, shape.mapping(), schema)) {
            RollupSql sql = RollupSql.over(shape, found.schema());
            if (!found.triggers().contains(sql.triggerName("truncate")) || !namesTables(connection, sql)) {
                renamed.add(found.schema());
            }
        }
        return renamed;
    }

    private static boolean namesTables(Connection connection, RollupSql sql) throws SQLException {
        Optional<RollupCatalog.Installed> installed = RollupCatalog.installed(connection, sql);
        return installed.isPresent()
                && installed.get().settings().lines().toList().containsAll(RollupCatalog.tableSettings(sql.mapping()));
    }

    /**
     * Moves the retained sums of other roll-ups into these, and drops the others; their schema and the tables are locked.
     *
     * @param schema of the others, not quoted
     */
    static void takeOver(Connection connection, RollupSql sql, String schema, IdTypes types) throws SQLException {
        if (RollupCatalog.holdsRetained(connection, schema)) {
            Jdbc.limit(connection, "statement_timeout", Duration.ZERO);
            if (!RollupCatalog.exists(connection, Identifiers.qualified(sql.schema(), RollupSql.RETAINED))) {
                Jdbc.execute(connection, sql.takeRetainedScript(schema));
            } else {
                types.prepareRetained(connection, sql.in(schema));
                Jdbc.execute(connection, sql.addRetainedScript(schema));
            }
        }
        SchemaInstaller.dropSchema(connection, schema);
    }
}
