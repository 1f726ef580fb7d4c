package io.usagekit.postgres.events;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Installation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SchemaScript;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates the library's own tables and what the ledger adds to them. */
final class LedgerInstaller {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresLedger.class);

    private static final String TABLES = "V2__usagekit_ledger.sql";

    private static final String MESSAGE_ID =
            "coalesce(headers -> 'x-broker-message-id' ->> 0, headers ->> 'x-broker-message-id', '')";

    /**
     * Pages of events in order, all of them, those that aren't deleted or those with one value of a filtered column; pages of sent
     * deliveries; those of deliveries in a status, of a project or to an endpoint; and pages of endpoints and of words.
     */
    private static final List<Index> INDEXES = List.of(
            new Index("projects", "(id collate \"C\")"),
            events("(project_id, created_at, id collate \"C\")"),
            events("(project_id, created_at, id collate \"C\") where deleted_at is null"),
            events("(project_id, event_type, created_at, id collate \"C\")"),
            events("(project_id, status, created_at, id collate \"C\")"),
            events("(project_id, source_id, created_at, id collate \"C\") where source_id <> ''"),
            events("(project_id, idempotency_key, created_at, id collate \"C\") where idempotency_key <> ''"),
            events("(project_id, " + MESSAGE_ID + ", created_at, id collate \"C\") where " + MESSAGE_ID + " <> ''"),
            new Index("event_deliveries", "(project_id, created_at, id collate \"C\") where status = 'Success'"),
            new Index("event_deliveries", "(project_id, status, created_at, id collate \"C\") include (endpoint_id)"),
            new Index("event_deliveries", "(project_id, endpoint_id, status, created_at, id collate \"C\")"),
            new Index("events_endpoints", "(project_id, endpoint_id, created_at, event_id collate \"C\")"),
            new Index("events_search", "using gin (words, (" + SearchBlocks.OF_A_ROW + "))"));

    private static final String TRIGGERS = "events/triggers.sql";
    private static final String REFERENCES = "events/references.sql";
    private static final String RETAIN_IDS = "usagekit_retain_ids";
    private static final String LOCK_OF_TRIGGERS = "share row exclusive";
    private static final String LOCK_OF_REPLACED_TRIGGERS = "access exclusive";

    /** Events whose endpoints are filled at once, so few that others wait briefly for their rows. */
    private static final int FILLED_EVENTS = 500;

    /** Ids that are entered at once, whose events nobody else can delete meanwhile. */
    private static final long ENTERED_IDS = 10_000;

    private static final Duration FILL_TIMEOUT = Duration.ofMinutes(5);

    private final DataSource dataSource;
    private final String schema;
    private final LedgerSql sql;
    private final Optional<Duration> retainedIds;

    /**
     * Installs into a schema.
     *
     * @param retainedIds for how long ids of rows that retention deletes are retained; empty: as installed before
     */
    LedgerInstaller(DataSource dataSource, String schema, LedgerSql sql, Optional<Duration> retainedIds) {
        this.dataSource = dataSource;
        this.schema = schema;
        this.sql = sql;
        this.retainedIds = retainedIds;
    }

    private static Index events(String definition) {
        return new Index("events", definition);
    }

    /**
     * Creates what is missing: tables and columns in one transaction, then triggers; indexes one by one and without blocking writes. Then rows
     * of a previous version are filled; an installation that is cut off goes on with those that are left.
     */
    void install() throws SQLException {
        TableMapping mapping = TableMapping.usagekit(schema);
        List<Index> indexes = new ArrayList<>(IndexDdl.indexes(mapping));
        indexes.addAll(INDEXES);
        List<SchemaScript> scripts =
                List.of(IndexDdl.script(mapping), IndexDdl.script(schema, LedgerSql.tableNames(), TABLES));
        Installation.run(new Jdbc(dataSource), schema, installation -> {
            SchemaInstaller.checkColumns(installation.connection(), schema, scripts);
            SchemaInstaller.createMissing(installation, schema, scripts, indexes);
            createTriggers(installation);
            if (retainedIds.isPresent()) {
                retainIds(installation, retainedIds.get());
            }
            fillEndpoints(installation);
            for (IdTable table : IdTable.values()) {
                enterIds(installation, table);
            }
            referToIds(installation);
            return schema;
        });
    }

    private void createTriggers(Installation installation) throws SQLException {
        Connection connection = installation.connection();
        boolean lackWords = isLacking(connection, "events", "usagekit_delete_words");
        Map<String, String> locks = new LinkedHashMap<>();
        if (lackWords || isLacking(connection, "events", "usagekit_move_endpoints")) {
            locks.put(sql.quoted("events").get(0), LOCK_OF_TRIGGERS);
        }
        for (IdTable table : IdTable.values()) {
            if (isLacking(connection, table.table(), "usagekit_change_id", table.triggerPatterns())) {
                boolean isReplaced = !isLacking(connection, table.table(), "usagekit_enter_id");
                locks.put(sql.quoted(table.table()).get(0), isReplaced ? LOCK_OF_REPLACED_TRIGGERS : LOCK_OF_TRIGGERS);
            }
        }
        if (isLacking(connection, "events_endpoints", "usagekit_fill_endpoint")) {
            locks.put(sql.quoted("events_endpoints").get(0), LOCK_OF_TRIGGERS);
        }
        if (isLacking(connection, "events_search", "usagekit_merge_words")) {
            locks.put(sql.quoted("events_search").get(0), LOCK_OF_TRIGGERS);
        }
        if (!locks.isEmpty() || !areFunctionsCurrent(connection)) {
            installation.change(
                    "the triggers and functions of the ledger in the schema " + Identifiers.quote(schema), it -> {
                        installation.locks().lock(it, locks);
                        for (IdTable table : IdTable.values()) {
                            Jdbc.execute(it, table.script(schema));
                        }
                        Jdbc.execute(it, script(TRIGGERS));
                        return schema;
                    });
        }
        if (lackWords) {
            fill(
                    installation,
                    it -> sql.call(it, LedgerStatement.DELETE_ORPHANED_WORDS).update());
            fill(installation, it -> sql.call(it, LedgerStatement.MOVE_WORDS).update());
        }
    }

    private void retainIds(Installation installation, Duration retained) throws SQLException {
        Connection connection = installation.connection();
        List<String> patterns = retained.isZero() ? List.of() : List.of(IdTable.retentionPattern(retained));
        Map<String, String> locks = new LinkedHashMap<>();
        boolean isAsAsked = true;
        for (IdTable table : IdTable.values()) {
            boolean isReplaced = !isLacking(connection, table.table(), RETAIN_IDS);
            isAsAsked &= isLacking(connection, table.table(), RETAIN_IDS, patterns) == retained.isZero();
            locks.put(sql.quoted(table.table()).get(0), isReplaced ? LOCK_OF_REPLACED_TRIGGERS : LOCK_OF_TRIGGERS);
        }
        if (isAsAsked) {
            return;
        }
        if (retained.isZero()) {
            locks.put(sql.quoted("retained_ids").get(0), LOCK_OF_REPLACED_TRIGGERS);
        }
        installation.change("the retention of ids in the schema " + Identifiers.quote(schema), it -> {
            installation.locks().lock(it, locks);
            for (IdTable table : IdTable.values()) {
                Jdbc.execute(it, table.retentionScript(schema, retained));
            }
            return schema;
        });
    }

    private boolean areFunctionsCurrent(Connection connection) throws SQLException {
        for (IdTable table : IdTable.values()) {
            if (!sql.forIdsOf(table)
                    .call(connection, LedgerStatement.ARE_FUNCTIONS_CURRENT)
                    .answer()) {
                return false;
            }
        }
        return true;
    }

    private boolean isLacking(Connection connection, String table, String trigger) throws SQLException {
        return isLacking(connection, table, trigger, List.of());
    }

    private boolean isLacking(Connection connection, String table, String trigger, List<String> patterns)
            throws SQLException {
        return !sql.call(connection, LedgerStatement.HAS_TRIGGER)
                .text("table", sql.quoted(table).get(0))
                .text("name", trigger)
                .texts("patterns", patterns)
                .answer();
    }

    private String script(String resource) {
        return SqlTemplate.fill(SqlTemplate.resource(resource), LedgerSql.objects(schema));
    }

    /** Fills the columns by which pages of endpoints are read, in batches that are committed one by one, each again if it meets a lock. */
    private void fillEndpoints(Installation installation) throws SQLException {
        boolean areFilled = fill(
                installation,
                connection -> sql.call(connection, LedgerStatement.ARE_ENDPOINTS_FILLED)
                        .answer());
        if (areFilled) {
            return;
        }
        List<String> projects = fill(
                installation,
                connection ->
                        sql.call(connection, LedgerStatement.LIST_PROJECTS).list(row -> row.text("id")));
        for (String projectId : projects) {
            Batches.changeAll(
                    FILLED_EVENTS,
                    scan -> fill(
                            installation,
                            connection -> sql.call(connection, LedgerStatement.FILL_ENDPOINTS, LedgerFilter.NONE, scan)
                                    .text("project_id", projectId)
                                    .first(Batches.Batch::of)
                                    .orElse(Batches.Batch.EMPTY)));
            fill(
                    installation,
                    connection -> sql.call(connection, LedgerStatement.FILL_INFINITE_ENDPOINTS)
                            .text("project_id", projectId)
                            .update());
        }
    }

    /**
     * Enters the ids of rows in partitions that have some which are missing, in batches that are committed one by one, and deletes those of
     * partitions that are missing. Leaves that to the owner of the functions where another role runs the installation.
     */
    private void enterIds(Installation installation, IdTable table) throws SQLException {
        LedgerSql ids = sql.forIdsOf(table);
        boolean areEntered = fill(
                installation,
                it -> ids.call(it, LedgerStatement.ARE_IDS_ENTERED).answer());
        if (!ids.call(installation.connection(), LedgerStatement.MAY_ENTER_IDS).answer()) {
            if (!areEntered) {
                LOG.warn(
                        "the installation doesn't enter the ids of all partitions of {}, since this role may not execute the functions"
                                + " that do; let their owner call PostgresLedger.install()",
                        sql.quoted(table.table()).get(0));
            }
            return;
        }
        if (!areEntered) {
            List<Long> partitions = fill(
                    installation,
                    it -> ids.call(it, LedgerStatement.LIST_UNENTERED_PARTITIONS)
                            .list(row -> row.number("partition")));
            for (long partition : partitions) {
                enterIdsOf(installation, ids, partition);
            }
            enter(installation, it -> ids.call(it, LedgerStatement.ENTER_IDS).one(row -> row.text("entered")));
        }
        long deleted;
        do {
            deleted = enter(
                    installation,
                    it -> ids.call(it, LedgerStatement.DELETE_OLD_IDS)
                            .number("limit", ENTERED_IDS)
                            .one(row -> row.number("deleted")));
        } while (deleted > 0);
    }

    private void enterIdsOf(Installation installation, LedgerSql ids, long partition) throws SQLException {
        Optional<String> last = Optional.empty();
        do {
            List<String> after = last.stream().toList();
            last = enter(
                    installation,
                    it -> ids.call(it, LedgerStatement.ENTER_IDS_OF)
                            .number("partition", partition)
                            .texts("after", after)
                            .number("limit", ENTERED_IDS)
                            .one(row -> row.optionalText("last")));
        } while (last.isPresent());
        fill(
                installation,
                it -> ids.call(it, LedgerStatement.LIST_ENTERED_PARTITION)
                        .number("partition", partition)
                        .one(row -> row.text("entered")));
    }

    /** Lets the triggers that replace foreign keys to events look for entered ids. */
    private void referToIds(Installation installation) throws SQLException {
        fill(installation, it -> {
            Jdbc.execute(it, script(REFERENCES));
            return schema;
        });
    }

    /** As {@link #fill}, but it waits for locks so briefly that in a deadlock with a host's transaction this one is cancelled, and repeated. */
    private <T> T enter(Installation installation, Jdbc.Work<T> work) throws SQLException {
        return fill(installation, connection -> {
            Jdbc.limit(connection, "lock_timeout", installation.locks().pace().lockTimeout());
            return work.run(connection);
        });
    }

    private <T> T fill(Installation installation, Jdbc.Work<T> work) throws SQLException {
        return installation
                .locks()
                .repeat(
                        "the endpoints, words and ids of events and deliveries in the schema "
                                + Identifiers.quote(schema),
                        () -> Jdbc.step(
                                        installation.connection(),
                                        Jdbc.Mode.WRITE,
                                        FILL_TIMEOUT,
                                        connection -> Optional.of(work.run(connection)))
                                .orElseThrow());
    }

    String ddl() {
        return IndexDdl.tables(TableMapping.usagekit(schema)) + "\n"
                + script(TABLES) + "\n"
                + IdTable.EVENTS.script(schema) + "\n"
                + IdTable.DELIVERIES.script(schema) + "\n"
                + script(TRIGGERS) + "\n"
                + retainedIds
                        .map(retained -> IdTable.EVENTS.retentionScript(schema, retained) + "\n"
                                + IdTable.DELIVERIES.retentionScript(schema, retained) + "\n")
                        .orElse("")
                + sql.statements().script(LedgerStatement.FILL_ALL_ENDPOINTS.sqlName()) + ";\n\n"
                + enterAllIds(IdTable.EVENTS)
                + enterAllIds(IdTable.DELIVERIES)
                + script(REFERENCES) + "\n"
                + INDEXES.stream()
                        .map(index -> index.create(schema, index.table(), Index.BLOCKING, "") + ";\n")
                        .collect(Collectors.joining("\n"));
    }

    private String enterAllIds(IdTable table) {
        return sql.forIdsOf(table).statements().script(LedgerStatement.ENTER_ALL_IDS.sqlName()) + ";\n\n";
    }
}
