package io.usagekit.postgres.rows;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.testing.Database;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Buffers of pages of rows over a host's tables: as many for a page in the middle as for the first one. */
class RowPlanIT {

    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final int PAGE = 20;

    /** The rows of a page and of the projects' other first rows, an index entry and a block of the table each, and the way to them. */
    private static final long MOST_BUFFERS = 4 * 2 * PAGE + 60;

    private static String schema;
    private static TableMapping mapping;

    @BeforeAll
    static void fill() {
        schema = Database.newSchema("row_plan");
        mapping = TableMapping.gateway(schema);
        String s = Identifiers.quote(schema);
        Database.execute(
                "create schema " + s,
                "create table " + s
                        + ".projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                "create table " + s
                        + ".event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)");
        PostgresUsage.installIndexes(Database.pool(), mapping);
        Database.execute(
                "insert into " + s + ".projects select 'p' || n, 'org-' || n % 10 from generate_series(0, 19) n",
                "insert into " + s + ".events select 'e' || n, 'p' || n % 20, repeat('x', 200), null,"
                        + " timestamptz '2026-02-20Z' + n * interval '45 seconds', null from generate_series(1, 80000) n",
                "insert into " + s + ".event_deliveries select 'd' || n, 'p' || n % 20, 'e' || n, 'Success',"
                        + " timestamptz '2026-02-20Z' + n * interval '45 seconds' from generate_series(1, 80000) n",
                "vacuum (analyze) " + s + ".projects, " + s + ".events, " + s + ".event_deliveries");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    private record Cost(long buffers, List<String> indexes) {}

    @Test
    void aPageInTheMiddleCostsWhatTheFirstOneDoes() throws SQLException {
        for (RowKind<?> kind : List.of(RowKind.RECEIVED, RowKind.SENT)) {
            String index = index(kind);
            for (EventOrder order : EventOrder.values()) {
                Cost first = cost(kind, order, Optional.empty());
                Cost middle =
                        cost(kind, order, Optional.of(new Scan.Position(Instant.parse("2026-03-15T07:00:00Z"), "e5")));
                assertThat(first.indexes())
                        .as("%s, %s: the first page reads %s", kind.name(), order, index)
                        .contains(index);
                assertThat(first.buffers())
                        .as("%s, %s: %s", kind.name(), order, first)
                        .isLessThan(MOST_BUFFERS);
                assertThat(middle.buffers())
                        .as("%s, %s: %s, then %s", kind.name(), order, first, middle)
                        .isLessThan(MOST_BUFFERS);
            }
        }
    }

    /** The negative control: without the index, the bound is exceeded. */
    @Test
    void aMissingIndexIsNoticed() throws SQLException {
        for (RowKind<?> kind : List.of(RowKind.RECEIVED, RowKind.SENT)) {
            Cost without = new Jdbc(Database.pool())
                    .transaction(Jdbc.Mode.WRITE, Duration.ofSeconds(30), connection -> {
                        Jdbc.execute(connection, "drop index " + Identifiers.qualified(schema, index(kind)));
                        Cost cost = cost(connection, kind, EventOrder.ASCENDING, Optional.empty());
                        connection.rollback();
                        return cost;
                    });
            assertThat(without.indexes()).doesNotContain(index(kind));
            assertThat(without.buffers())
                    .as("%s without %s", kind.name(), index(kind))
                    .isGreaterThan(MOST_BUFFERS);
        }
    }

    private static String index(RowKind<?> kind) {
        boolean received = kind.equals(RowKind.RECEIVED);
        String table = received ? mapping.events() : mapping.deliveries();
        return IndexDdl.indexes(mapping).stream()
                .filter(index -> index.table().equals(table))
                .findFirst()
                .orElseThrow()
                .nameOn(table);
    }

    private static Cost cost(RowKind<?> kind, EventOrder order, Optional<Scan.Position> beyond) throws SQLException {
        return new Jdbc(Database.pool())
                .transaction(
                        Jdbc.Mode.READ_ONLY,
                        Duration.ofSeconds(30),
                        connection -> cost(connection, kind, order, beyond));
    }

    private static Cost cost(Connection connection, RowKind<?> kind, EventOrder order, Optional<Scan.Position> beyond)
            throws SQLException {
        RowSql sql = RowSql.over(
                TableShape.read(connection, mapping), ProjectScope.ALIVE, schema + "_rollups", RowSql.SOURCE);
        try (PreparedStatement statement = sql.page(connection, kind, KEY, new Scan(order, beyond, PAGE + 1))
                        .prepare("explain (analyze, buffers, format json) ");
                ResultSet row = statement.executeQuery()) {
            row.next();
            JsonNode plan = new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
            return new Cost(
                    plan.path("Shared Hit Blocks").asLong()
                            + plan.path("Shared Read Blocks").asLong(),
                    plan.findValuesAsText("Index Name").stream().distinct().toList());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
