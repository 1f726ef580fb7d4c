package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A transaction marks an hour once for its many late rows, and again where a rollback to a savepoint has taken the mark back. */
class RollupMarksIT {

    private static final String HOURS = "timestamptz '2026-03-17T08:30:00Z' + n %% 4 * interval '1 hour'";
    private static final String EVENTS =
            "insert into {s}.events select 'x' || n, 'p', 'late', '', " + HOURS + " from generate_series(1, %d) n";
    private static final String DELIVERIES = "insert into {s}.event_deliveries select 'x' || n, 'p', 'e9', 'Success', "
            + HOURS + " from generate_series(1, %d) n";
    private static final String MARKS = "select count(*) from {r}.mark";
    private static final int TRANSACTIONS = 150;

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("marks"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "insert into {s}.events select 'x' || n, 'p', 'late', '', timestamptz '2026-03-17T11:30:00Z' - n % 40"
                        + " * interval '1 hour' from generate_series(1, 1000) n",
                "insert into {s}.event_deliveries select 'x' || n, 'p', 'e9', 'Success', timestamptz"
                        + " '2026-03-17T11:30:00Z' - n % 40 * interval '1 hour' from generate_series(1, 1000) n"
            })
    void marksHourOnceForManyRowsOfStatement(String insert) throws SQLException {
        try (Connection writer = fixture.dataSource.getConnection()) {
            fixture.run(writer, insert);
            assertThat(fixture.count(writer, "select count(distinct (project_id, bucket)) from {r}.mark"))
                    .isEqualTo(40);
            assertThat(fixture.count(writer, MARKS))
                    .as("one of the first row, and one an hour")
                    .isEqualTo(41);
        }
        fixture.assertExact(true);
        fixture.runWorker();
        fixture.assertExact(true);
    }

    @ParameterizedTest
    @ValueSource(strings = {EVENTS, DELIVERIES})
    void marksHourAgainAfterRollbackToSavepoint(String insert) throws SQLException {
        try (Connection writer = fixture.begin()) {
            fixture.run(writer, "savepoint first");
            fixture.run(writer, insert.formatted(20));
            assertThat(fixture.count(writer, MARKS)).isEqualTo(5);
            fixture.run(writer, "rollback to savepoint first");
            assertThat(fixture.count(writer, MARKS)).isZero();
            fixture.run(writer, insert.formatted(20));
            writer.commit();
            writer.setAutoCommit(true);
        }
        fixture.assertExact(true);
        fixture.runWorker();
        fixture.assertExact(true);
    }

    /** In a session that no other test gets. */
    private void insertInTwoTransactionsOfSession() throws SQLException {
        try (Connection writer = DriverManager.getConnection(Database.jdbcUrl())) {
            fixture.run(writer, EVENTS.formatted(20));
            assertThat(fixture.runWorker().rerolledHours()).isEqualTo(4);
            fixture.run(writer, DELIVERIES.formatted(20));
        }
    }

    @Test
    void marksHourAgainInNextTransactionOfSession() throws SQLException {
        insertInTwoTransactionsOfSession();
        fixture.assertExact(true);
    }

    @Test
    void missesNextTransactionWhenSessionKeepsWhatItMarked() throws SQLException {
        assertThat(Database.query(
                        fixture.sql("select count(*) from pg_proc f where f.pronamespace = '{r}'::regnamespace"
                                + " and f.prosrc like '%, true) is not null%'")))
                .as("functions that mark")
                .isEqualTo("5");
        fixture.run("""
                do $$
                declare definition text;
                begin
                    for definition in
                        select replace(pg_get_functiondef(f.oid), ', true) is not null', ', false) is not null')
                        from pg_proc f
                        where f.pronamespace = '{r}'::regnamespace and f.prosrc like '%, true) is not null%'
                    loop
                        execute definition;
                    end loop;
                end $$
                """, WeakenedStatements.RECORD_FUNCTIONS);
        insertInTwoTransactionsOfSession();
        fixture.assertExact(false);
    }

    /** Of schemas whose names differ in case, with projects of a collation that ignores it. */
    @ParameterizedTest
    @ValueSource(strings = {"varchar", "varchar collate {s}.ignoring_case"})
    void marksHoursInEachOfTwoRollups(String type) throws SQLException {
        fixture.rollups.remove();
        fixture.run(
                "create collation {s}.ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
                "alter table {s}.projects alter column id type " + type,
                "alter table {s}.events alter column project_id type " + type,
                "alter table {s}.event_deliveries alter column project_id type " + type);
        List<PostgresRollups> both =
                List.of(rolledIn(fixture.schema + "_Rollups"), rolledIn(fixture.schema + "_rollups"));
        fixture.run(EVENTS.formatted(20));
        for (PostgresRollups rollups : both) {
            FigureComparison.Pair pair =
                    new FigureComparison(fixture.dataSource, rollups, fixture.mapping).compare(RollupFixture.MARCH);
            assertThat(pair.rolled()).as(rollups.schema()).isEqualTo(pair.raw());
            rollups.remove();
        }
    }

    private PostgresRollups rolledIn(String schema) {
        PostgresRollups rollups = PostgresRollups.builder(fixture.dataSource)
                .mapping(fixture.mapping)
                .clock(fixture.clock)
                .schema(schema)
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        return rollups;
    }

    @Test
    void keepsMarkOfTransactionWhileWorkersRun() throws SQLException {
        String insert = "insert into {s}.events values (gen_random_uuid(), 'p', 'late', '', '2026-03-17T09:30:00Z')";
        try (Connection writer = fixture.begin()) {
            for (int i = 0; i < 3; i++) {
                fixture.run(writer, insert);
                fixture.run(insert);
                assertThat(fixture.runWorker().rerolledHours()).isEqualTo(1);
                fixture.assertExact(true);
            }
            writer.commit();
            writer.setAutoCommit(true);
        }
        fixture.assertExact(true);
    }

    /** Writes each hour of a row that changes beside the host's rows, for a rollback to a savepoint to take back. */
    private static final String[] RECORD_TOUCHED = {
        "create table {s}.touched (project_id varchar, bucket timestamptz)",
        """
            create function {s}.touch() returns trigger language plpgsql as $$
            begin
                insert into {s}.touched
                select r.project_id, date_trunc('hour', r.created_at, 'UTC')
                from (values (old.project_id, old.created_at), (new.project_id, new.created_at)) as r (project_id, created_at)
                where r.project_id is not null and old is distinct from new;
                return null;
            end $$
            """,
        "create trigger touch after insert or update or delete on {s}.events for each row execute function {s}.touch()",
        "create trigger touch after insert or update or delete on {s}.event_deliveries for each row execute function {s}.touch()"
    };

    @Test
    void marksEveryHourThatIsTouchedInRandomSavepoints() throws SQLException {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        Random random = new Random(seed);
        fixture.run(RECORD_TOUCHED);
        try (Connection writer = fixture.begin()) {
            for (int transaction = 0; transaction < TRANSACTIONS; transaction++) {
                write(writer, random);
                writer.commit();
                assertThat(fixture.count(writer, """
                                select count(*) from {s}.touched t
                                where not exists (
                                    select from {r}.mark m where m.project_id = t.project_id and m.bucket = t.bucket
                                )
                                """))
                        .as("hours without a mark after the transaction %s, -Dusagekit.seed=%s", transaction, seed)
                        .isZero();
                fixture.run(writer, "delete from {s}.touched");
                fixture.run(writer, "delete from {r}.mark");
                writer.commit();
            }
            writer.setAutoCommit(true);
        }
    }

    private void write(Connection writer, Random random) throws SQLException {
        Deque<String> savepoints = new ArrayDeque<>();
        int operations = 3 + random.nextInt(15);
        for (int i = 0; i < operations; i++) {
            switch (random.nextInt(6)) {
                case 0 -> {
                    savepoints.push("s" + i);
                    fixture.run(writer, "savepoint " + savepoints.peek());
                }
                case 1 -> {
                    if (!savepoints.isEmpty()) {
                        fixture.run(writer, "release savepoint " + savepoints.pop());
                    }
                }
                case 2, 3 -> {
                    if (!savepoints.isEmpty()) {
                        fixture.run(writer, "rollback to savepoint " + savepoints.peek());
                    }
                }
                default -> fixture.run(writer, change(random));
            }
        }
    }

    private static String change(Random random) {
        String project = random.nextBoolean() ? "'p'" : "'q'";
        String time = "'2026-03-17T0" + random.nextInt(4) + ":30:00Z'";
        String hour = "created_at < '2026-03-17T0" + random.nextInt(4) + ":59:00Z'";
        return switch (random.nextInt(6)) {
            case 0, 1 ->
                "insert into {s}.events select gen_random_uuid(), " + project + ", 'late', '', " + time
                        + " from generate_series(1, 3)";
            case 2 ->
                "insert into {s}.event_deliveries select gen_random_uuid(), " + project + ", 'e9', 'Success', " + time
                        + " from generate_series(1, 3)";
            case 3 -> "update {s}.events set project_id = " + project + ", created_at = " + time + " where " + hour;
            case 4 -> "update {s}.event_deliveries set created_at = " + time + " where " + hour;
            default -> "delete from {s}.event_deliveries where " + hour;
        };
    }
}
