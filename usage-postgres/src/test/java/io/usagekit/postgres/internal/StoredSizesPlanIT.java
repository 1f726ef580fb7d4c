package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.OwnDatabase;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.YearMonth;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Where sizes are stored, only indexes are read; where some are, the table is read for the other rows only. */
class StoredSizesPlanIT {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 2)));

    private final String schema = "stored";
    private final String s = Identifiers.quote(schema);
    private OwnDatabase database;

    @BeforeEach
    void create() {
        database = OwnDatabase.create("stored");
    }

    @AfterEach
    void drop() {
        database.close();
    }

    @Test
    void readsOwnTablesFromTheIndexesAlone() throws SQLException {
        PostgresUsage.install(database.pool(), schema);
        fill("raw", "repeat('x', 500)");
        String plan = plan(TableMapping.usagekit(schema));
        assertThat(plan).contains("Index Only Scan using events_usage_").contains("Heap Fetches: 0");
        assertThat(plan).contains("Index Only Scan using event_deliveries_usage_");
        assertThat(plan).doesNotContain("Seq Scan on events").doesNotContain("Bitmap Heap Scan on events");
    }

    @Test
    void fetchesOnlyRowsWithoutAStoredSize() throws SQLException {
        database.execute(
                "create schema " + s,
                "create table " + s + ".projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar primary key, project_id varchar, raw text, size bigint, created_at timestamptz, deleted_at timestamptz)",
                "create table " + s
                        + ".event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz)");
        TableMapping mapping = TableMapping.gateway(schema).toBuilder()
                .payload("raw")
                .storedBytes("size")
                .build();
        PostgresUsage.installIndexes(database.pool(), mapping);
        fill("raw, size", "repeat('x', 500), case when n % 100 > 0 then 500 end");
        String plan = plan(mapping);
        String stored = indexName(mapping, 0);
        String measured = indexName(mapping, 1);
        assertThat(plan).contains("Index Only Scan using " + stored).contains("Heap Fetches: 0");
        assertThat(plan).containsPattern("Index Scan using " + measured + "|Bitmap Index Scan on " + measured);
        assertThat(plan).doesNotContain("Seq Scan on events");
    }

    @Test
    void readsSizesOfPayloadColumnsAndDeliveriesFromTheIndexes() throws SQLException {
        database.execute(
                "create schema " + s,
                "create table " + s + ".projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar primary key, project_id varchar, raw text, raw_bytes integer, data bytea, data_bytes bigint, created_at timestamptz, deleted_at timestamptz)",
                "create table " + s
                        + ".event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz, event_bytes integer)");
        PostgresUsage.installIndexes(database.pool(), TableMapping.gateway(schema));
        fill("raw, raw_bytes, data_bytes", "repeat('x', 500), case when n % 100 > 0 then 500 end, 0");
        TableMapping mapping = PostgresUsage.discover(database.pool(), schema);
        String plan = plan(TableMapping.gateway(schema));
        assertThat(plan)
                .contains("Index Only Scan using " + indexName(mapping, 0))
                .contains("Index Only Scan using event_deliveries_usage_")
                .containsPattern(
                        "Index Scan using " + indexName(mapping, 1) + "|Bitmap Index Scan on " + indexName(mapping, 1))
                .doesNotContain("Seq Scan on events");
    }

    private void fill(String columns, String values) {
        database.execute(
                "insert into " + s
                        + ".projects (id, organisation_id) select 'p' || n, 'org-' || n from generate_series(0, 19) n",
                "insert into " + s + ".events (id, project_id, created_at, " + columns
                        + ") select 'e' || n, 'p' || n % 20,"
                        + " timestamptz '2026-01-01Z' + n * interval '2 minutes', " + values
                        + " from generate_series(1, 60000) n",
                "insert into " + s
                        + ".event_deliveries (id, project_id, event_id, status, created_at) select 'd' || n, 'p' || n % 20,"
                        + " 'e' || n, 'Success', timestamptz '2026-01-01Z' + n * interval '2 minutes' from generate_series(1, 60000) n",
                "vacuum (analyze) " + s + ".projects, " + s + ".events, " + s + ".event_deliveries");
    }

    private String plan(TableMapping mapping) throws SQLException {
        try (Connection connection = database.pool().getConnection()) {
            CombinedQuery query = CombinedQuery.over(TableShape.read(connection, mapping), ProjectScope.ALIVE);
            StringBuilder plan = new StringBuilder();
            try (PreparedStatement statement = query.prepare(connection, KEY, "explain (analyze, timing off) ");
                    ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    plan.append(row.getString(1)).append('\n');
                }
            }
            return plan.toString();
        }
    }

    /** As a plan prints it. */
    private static String indexName(TableMapping mapping, int index) {
        return IndexDdl.indexes(mapping).get(index).nameOn(mapping.events());
    }
}
