package io.usagekit.postgres.events;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Installation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import javax.sql.DataSource;

/** Creates the library's own tables and what the ledger adds to them. */
final class LedgerInstaller {

    private static final String TABLES = "V2__usagekit_ledger.sql";

    /** Pages of events in order, all of them or those with one value of a filtered column; and pages of sent deliveries. */
    private static final List<Index> INDEXES = List.of(
            events("(project_id, created_at, id collate \"C\")"),
            events("(project_id, event_type, created_at, id collate \"C\")"),
            events("(project_id, status, created_at, id collate \"C\")"),
            events("(project_id, source_id, created_at, id collate \"C\") where source_id <> ''"),
            events("(project_id, idempotency_key, created_at, id collate \"C\") where idempotency_key <> ''"),
            events("(project_id, coalesce(headers ->> 'x-broker-message-id', ''), created_at, id collate \"C\")"
                    + " where coalesce(headers ->> 'x-broker-message-id', '') <> ''"),
            new Index("event_deliveries", "(project_id, created_at, id collate \"C\") where status = 'Success'"));

    private final DataSource dataSource;
    private final String schema;

    LedgerInstaller(DataSource dataSource, String schema) {
        this.dataSource = dataSource;
        this.schema = schema;
    }

    private static Index events(String definition) {
        return new Index("events", definition);
    }

    /** Creates what is missing: tables and columns in one transaction; indexes one by one and without blocking writes. */
    void install() throws SQLException {
        TableMapping mapping = TableMapping.usagekit(schema);
        List<Index> indexes = new ArrayList<>(IndexDdl.indexes(mapping));
        indexes.addAll(INDEXES);
        Installation.run(new Jdbc(dataSource), schema, installation -> {
            SchemaInstaller.createMissing(
                    installation,
                    schema,
                    List.of(IndexDdl.script(mapping), IndexDdl.script(schema, LedgerSql.tableNames(), TABLES)),
                    indexes);
            return schema;
        });
    }

    String ddl() {
        return IndexDdl.tables(TableMapping.usagekit(schema)) + "\n"
                + SqlTemplate.fill(SqlTemplate.resource(TABLES), LedgerSql.tables(schema)) + "\n"
                + INDEXES.stream()
                        .map(index -> index.create(schema, index.table(), Index.BLOCKING, "") + ";\n")
                        .collect(Collectors.joining("\n"));
    }
}
