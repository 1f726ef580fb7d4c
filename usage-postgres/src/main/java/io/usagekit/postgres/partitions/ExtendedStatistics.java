package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Locale;

/**
 * Extended statistics of a table. They are created on the shadow table before it is analysed, and get their names in the cut-over.
 *
 * @param schema quoted, as the names are
 * @param newName on the shadow table
 * @param oldName on the old table
 * @param definition what stands between the name and FROM
 * @param settings statements that complete it, with a place for its name
 * @param exists whether the shadow table has it
 */
record ExtendedStatistics(
        String schema,
        String name,
        String newName,
        String oldName,
        String definition,
        String settings,
        boolean exists) {

    private static ExtendedStatistics of(SqlRow row) throws SQLException {
        return new ExtendedStatistics(
                row.text("schema"),
                row.text("name"),
                row.text("new_name"),
                row.text("old_name"),
                row.text("definition"),
                row.text("settings"),
                row.flag("exists"));
    }

    /** Reads those of the table, before it becomes the old one. */
    static List<ExtendedStatistics> read(Connection connection, RewriteSql sql) throws SQLException {
        return sql.call(connection, "list-statistics")
                .text("table", sql.table())
                .text("shadow", sql.shadow())
                .list(ExtendedStatistics::of);
    }

    /** Creates them on the shadow table or, after the cut-over, on what has become the table. */
    void create(Connection connection, String table) throws SQLException {
        Jdbc.execute(connection, "create statistics " + schema + "." + newName + definition + " from " + table);
    }

    /** Gives them the names of the old table's. */
    void rename(Connection connection, String table) throws SQLException {
        Jdbc.execute(connection, "alter statistics " + schema + "." + name + " rename to " + oldName);
        if (!exists) {
            create(connection, table);
        }
        Jdbc.execute(connection, "alter statistics " + schema + "." + newName + " rename to " + name);
        if (!settings.isEmpty()) {
            Jdbc.execute(connection, String.format(Locale.ROOT, settings, schema + "." + name));
        }
    }
}
