package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Buffers of statements that look rows up by their ids and times, where thousands of rows have one time and the tables no statistics. An index of project
 * and time then looks as good to PostgreSQL as the primary key, and has all of these rows.
 */
class LedgerOneTimePlanIT {

    private static final int ROWS = 10_000;
    private static final int LOOKED_UP = 20;

    /** Of a row: its entry in an index of three levels, its page, and endpoints or words. */
    private static final int MOST_READ = 10;

    /** Of a row that is changed: its entries in all indexes as well, and in a table of ids. PostgreSQL 13 reads twice as much as later versions. */
    private static final int MOST_CHANGED = 90;

    private static final Scan SCAN = new Scan(EventOrder.DESCENDING, Optional.empty(), LOOKED_UP);
    private static final LedgerFilter LIVE = LedgerFilter.of(EventFilter.ALL);
    private static final LedgerFilter FAILED = LedgerFilter.of(
            DeliveryFilter.builder().statuses(List.of("Failure")).build());

    private interface Values {
        SqlCall bindTo(SqlCall call);
    }

    /**
     * A statement that looks rows up.
     *
     * @param scan of the page of events by which some statements find the rows
     * @param most how many buffers it may read besides that page
     */
    private record LookUp(
            LedgerStatement statement, LedgerFilter filter, Optional<Scan> scan, long most, Values values) {

        /** What a second run reads, for which the session has the plans of triggers. */
        long buffers(Connection connection, String schema) throws SQLException {
            Savepoint start = connection.setSavepoint();
            run(connection, schema);
            connection.rollback(start);
            long before = LedgerTables.buffers(connection, schema);
            run(connection, schema);
            return LedgerTables.buffers(connection, schema) - before;
        }

        private void run(Connection connection, String schema) throws SQLException {
            LedgerSql sql = LedgerSql.in(schema, ProjectScope.ALIVE);
            SqlCall call = scan.map(page -> sql.call(connection, statement, filter, page))
                    .orElseGet(() -> sql.call(connection, statement, filter));
            values.bindTo(call.text("project_id", "p")).execute();
        }
    }

    private static LookUp of(LedgerStatement statement, LedgerFilter filter, long most, Values values) {
        return new LookUp(statement, filter, Optional.empty(), most, values);
    }

    /** The rows are those of the first events of a page. */
    private static LookUp ofPage(LedgerStatement statement, long mostOfARow, Values values) {
        return new LookUp(statement, LIVE, Optional.of(SCAN), mostOfARow * LOOKED_UP, values);
    }

    private static final LookUp PAGE =
            ofPage(LedgerStatement.PAGE_EVENTS, 0, call -> call.number("octets", Long.MAX_VALUE));

    private static final List<LookUp> LOOK_UPS = List.of(
            of(LedgerStatement.READ_RAW, LedgerFilter.NONE, MOST_READ, LedgerOneTimePlanIT::bindPart),
            of(LedgerStatement.READ_DATA, LedgerFilter.NONE, MOST_READ, LedgerOneTimePlanIT::bindPart),
            ofPage(
                    LedgerStatement.PAGE_EVENTS_OF_KEYS,
                    MOST_READ,
                    call -> bindIds(call)
                            .instants("created_ats", Collections.nCopies(LOOKED_UP, PartitionedLedger.FIRST))
                            .number("octets", Long.MAX_VALUE)),
            ofPage(
                    LedgerStatement.WALK_ENDPOINT_KEYS,
                    MOST_READ,
                    call -> call.texts("endpoint_ids", List.of("endpoint"))),
            ofPage(LedgerStatement.WALK_EVENTS_FOR_WORDS, MOST_READ, call -> call.text("text", "word")),
            of(
                    LedgerStatement.UPDATE_DELIVERY_STATUSES,
                    FAILED,
                    MOST_CHANGED * LOOKED_UP,
                    call -> bindWindow(call).text("status", "Success").instant("now", PartitionedLedger.FIRST)),
            ofPage(LedgerStatement.TOKENISE_EVENTS, MOST_CHANGED, call -> call),
            ofPage(
                    LedgerStatement.SOFT_DELETE_EVENTS,
                    MOST_CHANGED,
                    call -> call.instant("now", PartitionedLedger.FIRST)),
            of(
                    LedgerStatement.DELETE_UNDELIVERED_EVENTS,
                    LedgerFilter.NONE,
                    MOST_CHANGED * LOOKED_UP,
                    LedgerOneTimePlanIT::bindWindow));

    private static SqlCall bindPart(SqlCall call) {
        return call.text("id", "e0")
                .instant("created_at", PartitionedLedger.FIRST)
                .number("start", 1)
                .number("length", 1);
    }

    private static SqlCall bindIds(SqlCall call) {
        return call.texts(
                "ids", IntStream.range(0, LOOKED_UP).mapToObj(n -> "e" + n).toList());
    }

    private static SqlCall bindWindow(SqlCall call) {
        return bindIds(call).instant("first", PartitionedLedger.FIRST).instant("last", PartitionedLedger.FIRST);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void readFewBuffers(boolean isPartitioned) throws SQLException {
        PartitionedLedger tables = PartitionedLedger.install("one_time");
        if (isPartitioned) {
            tables.partitionAndEnter();
        }
        fill(tables);
        Map<String, Long> buffers = new LinkedHashMap<>();
        Map<String, Long> tooMany = new LinkedHashMap<>();
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            long page = PAGE.buffers(connection, tables.schema());
            for (LookUp lookUp : LOOK_UPS) {
                long read = lookUp.buffers(connection, tables.schema())
                        - (lookUp.statement().takesScan() ? page : 0);
                buffers.put(lookUp.statement().name(), read);
                if (read > lookUp.most()) {
                    tooMany.put(lookUp.statement().name(), read);
                }
            }
            connection.rollback();
        } finally {
            tables.drop();
        }
        if (Boolean.getBoolean("usagekit.plan.print")) {
            System.out.println(buffers);
        }
        assertThat(tooMany).isEmpty();
    }

    /** The first events have no deliveries, the last ones, in the order of code points, no words. */
    private static void fill(PartitionedLedger tables) {
        String rows = " from generate_series(0, " + (ROWS - 1) + ") n";
        Database.execute(
                "insert into " + tables.table("events") + " (id, project_id, created_at)"
                        + " select 'e' || n, 'p', '2026-03-01Z'" + rows,
                "insert into " + tables.table("event_deliveries") + " (id, project_id, event_id, status, created_at)"
                        + " select 'e' || n, 'p', 'e' || n + " + LOOKED_UP + ", 'Failure', '2026-03-01Z'" + rows
                        + " where n < " + (ROWS - LOOKED_UP),
                "insert into " + tables.table("events_endpoints") + " (event_id, endpoint_id)"
                        + " select 'e' || n, 'endpoint'" + rows,
                "insert into " + tables.table("events_search") + " (event_id, project_id, event_created_at, words)"
                        + " select 'e' || n, 'p', '2026-03-01Z', 'word'" + rows + " where n::text < '99'",
                "delete from pg_statistic where starelid in (select oid from pg_class where relnamespace::regnamespace::text in ('"
                        + tables.schema() + "', '" + tables.schema() + "_partitions'))");
    }
}
