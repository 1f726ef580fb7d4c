package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates and removes roll-ups. */
final class RollupInstaller {

    /** The version and the settings that stand in the database. */
    record Installed(int version, String settings) {}

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    private static final String LOCK_NOT_AVAILABLE = "55P03";
    private static final String DEADLOCK_DETECTED = "40P01";

    /** How long writers of the host may queue up behind an attempt to create triggers, and how often it is tried. */
    private static final String LOCK_TIMEOUT = "2s";

    private static final int ATTEMPTS = 15;

    /** Triggers on the two tables themselves. */
    private static final int TRIGGERS = 10;

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final String schema;

    RollupInstaller(DataSource dataSource, TableMapping mapping, String schema) {
        this.dataSource = dataSource;
        this.mapping = mapping;
        this.schema = schema;
    }

    void install() {
        inTransaction("installed", connection -> {
            RollupSql sql = sql(connection);
            checkVersion(installed(connection, sql));
            checkTables(connection, sql);
            checkPrivileges(connection, sql);
            return sql;
        });
        SchemaInstaller installer = new SchemaInstaller(dataSource);
        installer.createIndexes(mapping);
        if (inTransaction("installed", connection -> lacksEventIdIndex(connection, sql(connection)))) {
            installer.createIndexes(mapping, List.of(IndexDdl.eventIdIndex(mapping)));
        }
        inTransaction("installed", connection -> {
            createTablesAndTriggers(connection);
            return schema;
        });
    }

    /** What becomes of the sums of rows that retention has deleted. */
    enum Retained {
        PROTECTED,
        FORGOTTEN
    }

    void remove(Retained retained) {
        inTransaction("removed", connection -> {
            lock(connection);
            if (retained == Retained.PROTECTED && holdsRetained(connection, schema)) {
                throw new UsageCalculationException(
                        "the roll-ups in the schema " + Identifiers.quote(schema)
                                + " hold sums of rows that were deleted by"
                                + " retention, which are nowhere else: figures would fall without them",
                        null);
            }
            run(
                    connection,
                    SqlTemplate.fill(
                            SqlTemplate.resource("rollups/schema-drop.sql"),
                            Map.of("rollups", Identifiers.quote(schema))));
            run(connection, "drop index if exists " + Identifiers.qualified(mapping.schema(), eventIdIndexName()));
            return schema;
        });
    }

    String ddl() {
        return inTransaction("printed", connection -> {
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
            return index + tablesAndTriggers(connection, sql) + String.join("", partitionTriggers(connection, sql));
        });
    }

    private String eventIdIndexName() {
        return IndexDdl.eventIdIndex(mapping).nameOn(mapping.deliveries());
    }

    private RollupSql sql(Connection connection) throws SQLException {
        return RollupSql.over(mapping, TableShape.read(connection, mapping), schema);
    }

    /** Where roll-ups are installed, each partition that has come since gets its trigger. */
    void guardPartitions(Connection connection) throws SQLException {
        if (isPresent(connection, schema)) {
            runAll(connection, partitionTriggers(connection, sql(connection)));
        }
    }

    private void createTablesAndTriggers(Connection connection) throws SQLException {
        lock(connection);
        RollupSql sql = sql(connection);
        Optional<Installed> installed = installed(connection, sql);
        checkVersion(installed);
        if (installed.isPresent() && !isCurrent(installed.get(), sql)) {
            LOG.info("the roll-ups in {} were made by another version or for another mapping and begin anew", schema);
        } else if (installed.isPresent() && !areTriggersInForce(connection, sql)) {
            LOG.warn("triggers of the roll-ups in {} are missing or disabled; they begin anew", schema);
        } else if (installed.isPresent()) {
            runAll(connection, partitionTriggers(connection, sql));
            return;
        }
        boolean retains = holdsRetained(connection, schema);
        if (retains) {
            run(connection, sql.script("rollups-save-retained.sql"));
        }
        if (installed.isPresent()) {
            run(connection, sql.drop());
        }
        run(connection, tablesAndTriggers(connection, sql));
        if (retains) {
            run(connection, sql.script("rollups-restore-retained.sql"));
        }
        runAll(connection, partitionTriggers(connection, sql));
    }

    static boolean isCurrent(Installed installed, RollupSql sql) {
        return installed.version() == RollupSql.VERSION && installed.settings().equals(sql.settings());
    }

    /** What is installed; empty if nothing is. */
    static Optional<Installed> installed(Connection connection, RollupSql sql) throws SQLException {
        if (!isPresent(connection, sql.schema())) {
            return Optional.empty();
        }
        try (PreparedStatement statement = sql.statement("rollups-settings.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            return row.next()
                    ? Optional.of(new Installed(row.getInt("version"), row.getString("settings")))
                    : Optional.empty();
        }
    }

    /** Whether there are roll-ups in this schema, of whatever version. */
    static boolean isPresent(Connection connection, String schema) throws SQLException {
        try (PreparedStatement statement = SqlTemplate.of(SqlTemplate.resource("rollups-present.sql"), Map.of())
                        .prepare(connection, Map.of("state", Identifiers.qualified(schema, "state")));
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getBoolean("answer");
        }
    }

    /** Whether there are sums of rows that retention has deleted; asks for no privilege. */
    static boolean holdsRetained(Connection connection, String schema) throws SQLException {
        try (PreparedStatement statement = SqlTemplate.of(SqlTemplate.resource("rollups-holds-retained.sql"), Map.of())
                        .prepare(connection, Map.of("schema", schema));
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getBoolean("answer");
        }
    }

    /** Whether every change is told: no trigger is missing or disabled. */
    static boolean areTriggersInForce(Connection connection, RollupSql sql) throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("rollups-triggers-in-force.sql").prepare(connection, sql.names());
                ResultSet row = statement.executeQuery()) {
            return row.next() && row.getInt("standing") == TRIGGERS && row.getInt("disabled") == 0;
        }
    }

    private void checkVersion(Optional<Installed> installed) {
        if (installed.isPresent() && installed.get().version() > RollupSql.VERSION) {
            throw new UsageCalculationException(
                    "the roll-ups in the schema " + Identifiers.quote(schema) + " are of version "
                            + installed.get().version() + ", made by a newer library; this one knows version "
                            + RollupSql.VERSION,
                    null);
        }
    }

    /** Views have no rows of their own, and rows of tables that merely inherit fire none of the parent's triggers. */
    private void checkTables(Connection connection, RollupSql sql) throws SQLException {
        for (String table : List.of("events", "deliveries")) {
            String name = sql.names().get(table);
            try (PreparedStatement statement = sql.statement("rollups-kind.sql")
                            .prepare(connection, Map.of("table", String.valueOf(name)));
                    ResultSet row = statement.executeQuery()) {
                if (!row.next() || !row.getBoolean("is_table") || row.getBoolean("is_inherited")) {
                    throw new UsageCalculationException(
                            name + " (mapped as " + table
                                    + ") must be a table, partitioned or not, to be rolled up: no view, no foreign table,"
                                    + " and no table from which others inherit",
                            null);
                }
            }
        }
    }

    private void checkPrivileges(Connection connection, RollupSql sql) throws SQLException {
        List<String> lacking = new ArrayList<>();
        try (PreparedStatement statement =
                        sql.statement("rollups-privileges.sql").prepare(connection, sql.names());
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                lacking.add(row.getString("lacking"));
            }
        }
        if (!lacking.isEmpty()) {
            throw new UsageCalculationException(
                    "the roll-ups can't be installed: this role lacks " + String.join(", ", lacking), null);
        }
    }

    private boolean lacksEventIdIndex(Connection connection, RollupSql sql) throws SQLException {
        Map<String, String> values =
                Map.of("table", String.valueOf(sql.names().get("deliveries")), "column", mapping.deliveryEventId());
        try (PreparedStatement statement = sql.statement("rollups-index-on.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            return !(row.next() && row.getBoolean("answer"));
        }
    }

    private String tablesAndTriggers(Connection connection, RollupSql sql) throws SQLException {
        IdType projectId = column(connection, sql, "projects", mapping.projectId());
        IdType eventsProjectId = column(connection, sql, "events", mapping.eventProjectId());
        IdType deliveriesProjectId = column(connection, sql, "deliveries", mapping.deliveryProjectId());
        IdType eventId = column(connection, sql, "events", mapping.eventId());
        IdType deliveriesEventId = column(connection, sql, "deliveries", mapping.deliveryEventId());
        IdType status = column(connection, sql, "deliveries", mapping.deliveryStatus());
        return sql.tablesAndTriggers(
                commonType(connection, projectId, eventsProjectId, deliveriesProjectId),
                commonType(connection, eventId, deliveriesEventId),
                operators(projectId, eventsProjectId, deliveriesProjectId, eventId, deliveriesEventId, status));
    }

    /** The type of a column, its collation if that is a special one, and the schema of the type. */
    private record IdType(String type, String collation, String schema) {}

    private static IdType column(Connection connection, RollupSql sql, String table, String column)
            throws SQLException {
        Map<String, String> values = Map.of("table", String.valueOf(sql.names().get(table)), "column", column);
        try (PreparedStatement statement = sql.statement("rollups-id-types.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            row.next();
            return new IdType(row.getString("type"), row.getString("collation"), row.getString("schema"));
        }
    }

    /** Where the columns' types and so their operators are: what compares them finds the same ones as the combined query. */
    private static String operators(IdType... columns) {
        return Stream.of(Stream.of("pg_catalog"), Stream.of(columns).map(IdType::schema), Stream.of("pg_temp"))
                .flatMap(schemas -> schemas)
                .distinct()
                .collect(Collectors.joining(", "));
    }

    /** What PostgreSQL makes of columns that are compared with each other: of varchar and text, of integer and bigint. */
    private static String commonType(Connection connection, IdType... columns) throws SQLException {
        String nulls =
                Stream.of(columns).map(column -> "null::" + column.type()).collect(Collectors.joining(", "));
        String collation = columns[0].collation().isEmpty() ? "" : " collate " + columns[0].collation();
        if (Stream.of(columns).map(IdType::type).distinct().count() == 1) {
            return columns[0].type() + collation;
        }
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(
                        "select format_type(pg_typeof(coalesce(" + nulls + "))::oid, -1) as type")) {
            row.next();
            return row.getString("type") + collation;
        }
    }

    private List<String> partitionTriggers(Connection connection, RollupSql sql) throws SQLException {
        List<String> scripts = new ArrayList<>();
        for (String table : List.of("events", "deliveries")) {
            Map<String, String> values =
                    Map.of("table", String.valueOf(sql.names().get(table)), "trigger", sql.triggerName("truncate"));
            try (PreparedStatement statement =
                            sql.statement("rollups-leaves.sql").prepare(connection, values);
                    ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    if (!row.getBoolean("guarded")) {
                        scripts.add(sql.partitionTrigger(row.getString("schema"), row.getString("name")));
                    }
                }
            }
        }
        return scripts;
    }

    private void lock(Connection connection) throws SQLException {
        try (PreparedStatement statement = SqlTemplate.of(SqlTemplate.resource("rollups-install-lock.sql"), Map.of())
                .prepare(connection, Map.of("schema", Identifiers.quote(schema)))) {
            statement.execute();
        }
        // As in SchemaInstaller: a session that has waited takes note of what others have created meanwhile.
        run(connection, "select 1 from pg_catalog.pg_namespace where false");
    }

    private interface Work<T> {
        T run(Connection connection) throws SQLException;
    }

    /**
     * All or nothing. Creating a trigger waits for those who write to the table, and others wait behind it: it gives up soon,
     * lets them through, and tries again.
     */
    private <T> T inTransaction(String done, Work<T> work) {
        for (int attempt = 1; ; attempt++) {
            try {
                return attempt(work);
            } catch (SQLException e) {
                boolean again = LOCK_NOT_AVAILABLE.equals(e.getSQLState()) || DEADLOCK_DETECTED.equals(e.getSQLState());
                if (!again || attempt == ATTEMPTS) {
                    throw new UsageCalculationException(
                            "the roll-ups in the schema " + Identifiers.quote(schema) + " can't be " + done + ": "
                                    + e.getMessage()
                                    + (again ? " (others held their locks in each of " + ATTEMPTS + " attempts)" : ""),
                            e);
                }
            }
        }
    }

    private <T> T attempt(Work<T> work) throws SQLException {
        try (Connection connection = dataSource.getConnection()) {
            boolean autoCommit = connection.getAutoCommit();
            connection.setAutoCommit(false);
            try {
                run(connection, "set local lock_timeout = '" + LOCK_TIMEOUT + "'");
                T result = work.run(connection);
                connection.commit();
                return result;
            } catch (SQLException | RuntimeException e) {
                connection.rollback();
                throw e;
            } finally {
                connection.setAutoCommit(autoCommit);
            }
        }
    }

    private static void runAll(Connection connection, List<String> scripts) throws SQLException {
        for (String script : scripts) {
            run(connection, script);
        }
    }

    private static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }
}
