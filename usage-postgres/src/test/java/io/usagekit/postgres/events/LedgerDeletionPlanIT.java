package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.testing.OwnDatabase;
import java.io.IOException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Buffers of a batch of a deletion: one that begins at its place doesn't read again what those before it deleted. */
class LedgerDeletionPlanIT {

    private static final int EVENTS = 20_000;
    private static final int DELETED = 18_000;
    private static final int BATCH = 200;

    /** Of a row: its entries in all indexes, and its page. */
    private static final int MOST_BUFFERS = 40;

    private static final Instant START = Instant.parse("2026-03-01T00:00:00Z");
    private static final Scan.Position LAST_DELETED = new Scan.Position(START.plusSeconds(DELETED), "e" + DELETED);

    private static OwnDatabase database;

    @BeforeAll
    static void fill() {
        database = OwnDatabase.create("deletion_plan");
        PostgresLedger.of(database.pool(), "l").install();
        String rows = " from generate_series(1, " + EVENTS + ") n order by md5(n::text)";
        database.execute(
                "alter table l.events set (autovacuum_enabled = off)",
                "alter table l.events_search set (autovacuum_enabled = off)",
                "insert into l.projects (id, organisation_id) values ('p', 'o')",
                "insert into l.events (id, project_id, created_at, deleted_at)"
                        + " select 'e' || n, 'p', timestamptz '" + START + "' + n * interval '1 s',"
                        + " case when n <= " + DELETED + " then now() end" + rows,
                "insert into l.events_search (event_id, project_id, event_created_at, words)"
                        + " select 'e' || n, 'p', timestamptz '" + START + "' + n * interval '1 s', 'word'" + rows,
                // By this index a batch passes over deleted events wherever it begins.
                "do $$ begin execute (select 'drop index l.' || indexname from pg_indexes where schemaname = 'l'"
                        + " and indexdef like '%(deleted_at IS NULL)' and indexdef not like '%include%'); end $$",
                "vacuum analyze l.events",
                "vacuum analyze l.events_search");
    }

    @AfterAll
    static void drop() {
        database.close();
    }

    @Test
    void softDeletesABatchAtItsPlace() throws SQLException {
        LedgerFilter live = LedgerFilter.of(EventFilter.ALL);
        assertBatchAtItsPlace((connection, scan) -> LedgerSql.in("l", ProjectScope.ALIVE)
                .call(connection, LedgerStatement.SOFT_DELETE_EVENTS, live, scan)
                .text("project_id", "p")
                .instant("now", START));
    }

    @Test
    void deletesABatchOfTokensAtItsPlace() throws SQLException {
        database.execute("delete from l.events_search where event_created_at <= '" + LAST_DELETED.createdAt() + "'");
        assertBatchAtItsPlace((connection, scan) -> LedgerSql.in("l", ProjectScope.ALIVE)
                .call(connection, LedgerStatement.DELETE_TOKENS, LedgerFilter.NONE, scan)
                .text("project_id", "p")
                .instant("from", scan.beyond().map(Scan.Position::createdAt).orElse(START))
                .instant("before", START.plusSeconds(EVENTS + 1)));
    }

    private interface Batch {
        SqlCall of(Connection connection, Scan scan);
    }

    private static void assertBatchAtItsPlace(Batch batch) throws SQLException {
        long atItsPlace = buffersOfARow(batch, Optional.of(LAST_DELETED));
        long fromTheFirstRow = buffersOfARow(batch, Optional.empty());
        assertThat(atItsPlace).as("buffers of a row").isLessThanOrEqualTo(MOST_BUFFERS);
        assertThat(fromTheFirstRow)
                .as("the negative control: buffers of a row of a batch that reads again what was deleted")
                .isGreaterThan(MOST_BUFFERS);
    }

    private static long buffersOfARow(Batch batch, Optional<Scan.Position> beyond) throws SQLException {
        Scan scan = new Scan(EventOrder.ASCENDING, beyond, BATCH);
        try (Connection connection = database.pool().getConnection()) {
            connection.setAutoCommit(false);
            connection.createStatement().execute("set local plan_cache_mode = force_custom_plan; set local jit = off");
            try (PreparedStatement statement =
                            batch.of(connection, scan).prepare("explain (analyze, buffers, format json) ");
                    ResultSet row = statement.executeQuery()) {
                row.next();
                JsonNode plan =
                        new ObjectMapper().readTree(row.getString(1)).get(0).get("Plan");
                return (plan.path("Shared Hit Blocks").asLong()
                                + plan.path("Shared Read Blocks").asLong())
                        / BATCH;
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
