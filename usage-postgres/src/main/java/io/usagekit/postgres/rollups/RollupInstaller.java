package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates and removes roll-ups. */
final class RollupInstaller {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    /** How long the host's writers may queue behind an attempt to create triggers. */
    private static final Duration LOCK_TIMEOUT = Duration.ofSeconds(2);

    private static final int ATTEMPTS = 15;

    /** The mapped tables that have triggers. */
    private static final List<String> ROLLED_TABLES = List.of("events", "deliveries");

    private final PostgresRollups.Settings settings;
    private final TableMapping mapping;
    private final Jdbc jdbc;

    RollupInstaller(PostgresRollups.Settings settings) {
        this.settings = settings;
        this.mapping = settings.mapping();
        this.jdbc = new Jdbc(settings.dataSource());
    }

    /** Installs roll-ups, as {@link PostgresRollups#install} says. */
    void install() {
        inTransaction("installing", connection -> {
            RollupSql sql = sql(connection);
            checkVersion(RollupCatalog.installed(connection, sql));
            checkTables(connection, sql);
            checkPrivileges(connection, sql);
            return sql;
        });
        SchemaInstaller indexes = new SchemaInstaller(settings.dataSource());
        indexes.createIndexes(mapping);
        if (inTransaction("installing", connection -> lacksEventIdIndex(connection, sql(connection)))) {
            indexes.createIndexes(mapping, List.of(IndexDdl.eventIdIndex(mapping)));
        }
        inTransaction("installing", connection -> {
            createTablesAndTriggers(connection);
            return settings;
        });
    }

    /** What is done with the sums of rows that retention has deleted. */
    enum Retained {
        PROTECTED,
        REMOVED
    }

    /** Removes roll-ups, as {@link PostgresRollups#remove} says. */
    void remove(Retained retained) {
        inTransaction("removing", connection -> {
            lock(connection);
            if (retained == Retained.PROTECTED && RollupCatalog.holdsRetained(connection, settings.schema())) {
                throw new UsageStorageException(
                        "the roll-ups in the schema " + settings.quotedSchema()
                                + " can't be removed: they hold sums of rows that were deleted by retention, and figures would"
                                + " fall without them; call removeWithRetained() to remove these sums, too",
                        null);
            }
            Jdbc.execute(connection, RollupSql.dropScript(settings.schema()));
            Jdbc.execute(
                    connection,
                    "drop index if exists "
                            + Identifiers.qualified(
                                    mapping.schema(),
                                    IndexDdl.eventIdIndex(mapping).nameOn(mapping.deliveries())));
            return settings;
        });
    }

    /** Returns the script of {@link PostgresRollups#ddl}. */
    String ddl() {
        return inTransaction("describing", connection -> {
            RollupSql sql = sql(connection);
            checkTables(connection, sql);
            String index = lacksEventIdIndex(connection, sql)
                    ? IndexDdl.create(
                                    IndexDdl.eventIdIndex(mapping),
                                    mapping.schema(),
                                    mapping.deliveries(),
                                    IndexDdl.Build.BLOCKING,
                                    "")
                            + ";\n\n"
                    : "";
            return index + createScript(connection, sql) + String.join("", partitionScripts(connection, sql));
        });
    }

    private RollupSql sql(Connection connection) throws SQLException {
        return RollupSql.over(mapping, TableShape.readForStorage(connection, mapping), settings.schema());
    }

    /** Creates the missing triggers of partitions, if roll-ups are installed. */
    void guardPartitions(Connection connection) throws SQLException {
        if (RollupCatalog.isPresent(connection, settings.schema())) {
            executeAll(connection, partitionScripts(connection, sql(connection)));
        }
    }

    private void createTablesAndTriggers(Connection connection) throws SQLException {
        lock(connection);
        RollupSql sql = sql(connection);
        Optional<RollupCatalog.Installed> installed = RollupCatalog.installed(connection, sql);
        checkVersion(installed);
        if (installed.isPresent() && !installed.get().isCurrent(sql)) {
            LOG.info(
                    "the roll-ups in the schema {} are of another version or mapping; they are replaced and start from scratch",
                    settings.schema());
        } else if (installed.isPresent() && !RollupCatalog.areTriggersInForce(connection, sql)) {
            LOG.warn(
                    "triggers of the roll-ups in the schema {} are missing or disabled; the roll-ups are replaced and start from"
                            + " scratch",
                    settings.schema());
        } else if (installed.isPresent()) {
            executeAll(connection, partitionScripts(connection, sql));
            return;
        }
        boolean retains = RollupCatalog.holdsRetained(connection, settings.schema());
        if (retains) {
            sql.call(connection, "save-retained").execute();
        }
        if (installed.isPresent()) {
            Jdbc.execute(connection, RollupSql.dropScript(settings.schema()));
        }
        Jdbc.execute(connection, createScript(connection, sql));
        if (retains) {
            sql.call(connection, "restore-retained").execute();
        }
        executeAll(connection, partitionScripts(connection, sql));
    }

    private void checkVersion(Optional<RollupCatalog.Installed> installed) {
        if (installed.isPresent() && installed.get().version() > RollupSql.VERSION) {
            throw new UsageStorageException(
                    "the roll-ups in the schema " + settings.quotedSchema() + " are of version "
                            + installed.get().version() + ", made by a newer library; this one knows versions up to "
                            + RollupSql.VERSION + ": update the library",
                    null);
        }
    }

    /** Rejects views, which have no rows of their own, and tables with children: rows of these don't fire the parent's triggers. */
    private void checkTables(Connection connection, RollupSql sql) throws SQLException {
        for (String table : ROLLED_TABLES) {
            boolean fits = sql.call(connection, "table-kind")
                    .text("table", sql.table(table))
                    .first(row -> row.flag("is_table") && !row.flag("is_inherited"))
                    .orElse(false);
            if (!fits) {
                throw new UsageStorageException(
                        sql.table(table) + " (mapped as " + table
                                + ") must be a table, partitioned or not, to be rolled up: no view, no foreign table,"
                                + " and no table from which others inherit",
                        null);
            }
        }
    }

    private void checkPrivileges(Connection connection, RollupSql sql) throws SQLException {
        List<String> lacking = sql.call(connection, "lacking-privileges").list(row -> row.text("lacking"));
        if (!lacking.isEmpty()) {
            throw new UsageStorageException(
                    "the roll-ups in the schema " + settings.quotedSchema() + " can't be installed: this role lacks "
                            + String.join(", ", lacking),
                    null);
        }
    }

    private boolean lacksEventIdIndex(Connection connection, RollupSql sql) throws SQLException {
        return !sql.call(connection, "has-index")
                .text("table", sql.table("deliveries"))
                .text("column", mapping.deliveryEventId())
                .answer();
    }

    private String createScript(Connection connection, RollupSql sql) throws SQLException {
        ColumnType projectId = column(connection, sql, "projects", mapping.projectId());
        ColumnType eventsProjectId = column(connection, sql, "events", mapping.eventProjectId());
        ColumnType deliveriesProjectId = column(connection, sql, "deliveries", mapping.deliveryProjectId());
        ColumnType eventId = column(connection, sql, "events", mapping.eventId());
        ColumnType deliveriesEventId = column(connection, sql, "deliveries", mapping.deliveryEventId());
        ColumnType status = column(connection, sql, "deliveries", mapping.deliveryStatus());
        return sql.createScript(
                commonType(connection, projectId, eventsProjectId, deliveriesProjectId),
                commonType(connection, eventId, deliveriesEventId),
                operatorSchemas(projectId, eventsProjectId, deliveriesProjectId, eventId, deliveriesEventId, status));
    }

    /** Type of a column, its collation if that isn't the type's own, and the schema of the type. */
    private record ColumnType(String type, String collation, String schema) {}

    private static ColumnType column(Connection connection, RollupSql sql, String table, String column)
            throws SQLException {
        return sql.call(connection, "column-type")
                .text("table", sql.table(table))
                .text("column", column)
                .one(row -> new ColumnType(row.text("type"), row.text("collation"), row.text("schema")));
    }

    /** Returns the schemas of the columns' types: trigger functions find the same operators there as the combined query. */
    private static String operatorSchemas(ColumnType... columns) {
        return Stream.of(Stream.of("pg_catalog"), Stream.of(columns).map(ColumnType::schema), Stream.of("pg_temp"))
                .flatMap(schemas -> schemas)
                .distinct()
                .collect(Collectors.joining(", "));
    }

    /** Returns the type to which PostgreSQL converts columns that are compared with each other, such as varchar and text. */
    private static String commonType(Connection connection, ColumnType... columns) throws SQLException {
        String collation = columns[0].collation().isEmpty() ? "" : " collate " + columns[0].collation();
        if (Stream.of(columns).map(ColumnType::type).distinct().count() == 1) {
            return columns[0].type() + collation;
        }
        String nulls =
                Stream.of(columns).map(column -> "null::" + column.type()).collect(Collectors.joining(", "));
        return RollupSql.commonType(connection, nulls).one(row -> row.text("type")) + collation;
    }

    private List<String> partitionScripts(Connection connection, RollupSql sql) throws SQLException {
        List<String> scripts = new ArrayList<>();
        for (String table : ROLLED_TABLES) {
            sql.call(connection, "partitions")
                    .text("table", sql.table(table))
                    .text("trigger", sql.triggerName("truncate"))
                    .forEach(row -> {
                        if (!row.flag("guarded")) {
                            scripts.add(sql.createPartitionScript(row.text("schema"), row.text("name")));
                        }
                    });
        }
        return scripts;
    }

    private void lock(Connection connection) throws SQLException {
        RollupSql.callWithoutNames(connection, "lock-installation")
                .text("schema", settings.quotedSchema())
                .execute();
        SchemaInstaller.refreshCatalog(connection);
    }

    /**
     * Runs all of it or nothing. Creating a trigger waits for the transactions that write to the table, and other writers queue
     * behind it: an attempt times out soon, lets the writers through, and is retried.
     */
    private <T> T inTransaction(String operation, Jdbc.Work<T> work) {
        try {
            return LockRetrier.schemaChange(jdbc, LOCK_TIMEOUT, ATTEMPTS, work);
        } catch (SQLException e) {
            throw new UsageStorageException(
                    operation + " the roll-ups in the schema " + settings.quotedSchema() + " failed: " + e.getMessage()
                            + (SqlErrors.isLockConflict(e)
                                    ? " (other sessions held locks on the tables in each of " + ATTEMPTS
                                            + " attempts of " + LOCK_TIMEOUT + "; retry when load is lower)"
                                    : ""),
                    e);
        }
    }

    private static void executeAll(Connection connection, List<String> scripts) throws SQLException {
        for (String script : scripts) {
            Jdbc.execute(connection, script);
        }
    }
}
