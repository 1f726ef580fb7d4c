package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.as;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a role can do by the functions that enter ids, which run as their owner: nothing that its privileges on the tables don't allow. */
class LedgerPartitionPrivilegesIT {

    private static final String FUNCTIONS_OF_THE_PUBLIC = """
            select p.proname
            from pg_proc p
            where p.pronamespace = ?::regnamespace
                and p.prosecdef
                and exists (
                    select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a where a.grantee = 0
                )
            order by p.proname
            """;

    private static PartitionedLedger tables;
    private static String role;

    private HikariDataSource pool;

    @BeforeAll
    static void install() {
        tables = PartitionedLedger.install("id_privileges");
        tables.partitionAndEnter();
        role = tables.schema() + "_role";
    }

    @AfterAll
    static void drop() {
        tables.drop();
    }

    @BeforeEach
    void createRole() {
        Database.execute(
                "create role " + role,
                "grant usage on schema " + Identifiers.quote(tables.schema()) + " to " + role,
                "grant usage on schema " + Identifiers.quote(tables.schema() + "_partitions") + " to " + role);
        pool = Database.newPool(1, config -> config.setConnectionInitSql("set role " + role));
    }

    @AfterEach
    void dropRole() {
        pool.close();
        Database.execute("drop owned by " + role, "drop role " + role);
    }

    private void grant(String privileges, String... names) {
        for (String name : names) {
            Database.execute("grant " + privileges + " on " + tables.table(name) + " to " + role);
        }
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private void assertDenied(String sql) {
        assertThatThrownBy(() -> execute(sql))
                .as(sql)
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("42501"))
                .hasMessageContaining("permission denied");
    }

    private List<String> functionsOfThePublic() {
        return Database.column(FUNCTIONS_OF_THE_PUBLIC, Identifiers.quote(tables.schema()));
    }

    private static List<String> entries() {
        return Database.column("select id || ' ' || (created_at at time zone 'UTC')::date from "
                + tables.table("events_ids") + " order by 1");
    }

    /** Also functions that are added later. */
    @Test
    void arePublicOnlyWhereTheFunctionChecksTheRole() {
        assertThat(functionsOfThePublic())
                .containsExactly(
                        "usagekit_are_ids_entered",
                        "usagekit_deliveries_are_ids_entered",
                        "usagekit_deliveries_enter_ids",
                        "usagekit_enter_ids",
                        "usagekit_lock_ids");
    }

    @Test
    void refuseARoleThatMayOnlyRead() throws SQLException {
        grant("select", "events", "event_deliveries", "events_ids", "event_deliveries_ids");
        String partition = "'" + tables.partitionOf("first") + "'::regclass";
        for (String prefix : List.of("usagekit_", "usagekit_deliveries_")) {
            assertDenied("select " + tables.table(prefix + "enter_ids_of") + "(" + partition + ", null, 1)");
            assertDenied("select " + tables.table(prefix + "enter_ids") + "(" + partition + ")");
            assertDenied("select " + tables.table(prefix + "enter_ids") + "(null)");
            assertDenied("select " + tables.table(prefix + "delete_old_ids") + "(1)");
            assertDenied("select " + tables.table(prefix + "unentered_partitions") + "()");
            assertDenied(
                    "create temp table mine (id text, created_at timestamptz); create trigger t after insert on mine"
                            + " for each row execute function " + tables.table(prefix + "enter_id") + "()");
            execute("select " + tables.table(prefix + "are_ids_entered") + "()");
        }
        assertDenied("select " + tables.table("usagekit_lock_ids") + "('{first}')");
    }

    /** By the triggers, which need no privilege on the tables of ids. */
    @Test
    void followTheRowsOfARoleThatMayOnlyWrite() throws SQLException {
        grant("select, insert, update, delete", "events");
        String events = tables.table("events");
        execute("insert into " + events + " (id, project_id, created_at) values ('written', 'p', '2026-03-01Z')");
        assertThat(entries()).containsExactly("first 2026-03-01", "written 2026-03-01");
        assertThatThrownBy(() -> execute("insert into " + events
                        + " (id, project_id, created_at) values ('written', 'p', '2026-04-10Z')"))
                .hasMessageContaining("the id \"written\" is taken");
        execute("update " + events + " set created_at = '2026-04-10Z' where id = 'written'");
        assertThat(entries()).containsExactly("first 2026-03-01", "written 2026-04-10");
        execute("delete from " + events + " where id = 'written'");
        assertThat(entries()).containsExactly("first 2026-03-01");
    }

    @Test
    void letARoleThatRecordsEnterNewPartitions() {
        grant("select, insert", "events", "events_endpoints", "event_deliveries");
        grant("select, insert, update, delete", "events");
        grant("select", "projects", "events_ids", "retained_ids");
        Database.execute("create table " + tables.table("far") + " partition of " + tables.table("events")
                + " for values from ('2099-01-01Z') to ('2099-02-01Z')");
        assertThat(tables.areIdsEntered()).isFalse();
        EventRepository ledger = PostgresLedger.of(pool, tables.schema()).repository();
        ledger.record(PartitionedLedger.event("recorded", 1).build());
        assertThat(tables.areIdsEntered()).isTrue();
        assertThat(ledger.deleteForGood("p", EventWindow.since(PartitionedLedger.FIRST.plusSeconds(1))))
                .isEqualTo(1);
        Database.execute("drop table " + tables.table("far"));
        tables.enter();
    }

    /** Where everything exists any role may run it; the owner's enters what is missing. */
    @Test
    void areLeftToTheOwnersInstallation() {
        grant("select", "projects", "events", "events_endpoints");
        Database.execute("create table " + tables.table("far") + " partition of " + tables.table("events")
                + " for values from ('2099-01-01Z') to ('2099-02-01Z')");
        try (CapturedLog log = CapturedLog.of(PostgresLedger.class)) {
            assertThatCode(() -> PostgresLedger.of(pool, tables.schema()).install())
                    .doesNotThrowAnyException();
            assertThat(log.lines("WARN"))
                    .singleElement(as(STRING))
                    .contains("the ids of all partitions of " + tables.table("events"), "let their owner");
        }
        assertThat(tables.areIdsEntered()).isFalse();
        tables.enter();
        assertThat(tables.areIdsEntered()).isTrue();
        try (CapturedLog log = CapturedLog.of(PostgresLedger.class)) {
            PostgresLedger.of(pool, tables.schema()).install();
            assertThat(log.lines("WARN")).as("everything is entered").isEmpty();
        }
        Database.execute("drop table " + tables.table("far"));
        tables.enter();
    }

    /** As a restore without privileges does, or the installation of a version before functions had a number. */
    @Test
    void areTakenFromThePublicAgain() {
        String lockIds = tables.table("usagekit_lock_ids");
        for (String function :
                List.of("usagekit_enter_ids_of", "usagekit_deliveries_delete_old_ids", "usagekit_retain_ids")) {
            Database.execute("grant execute on function " + tables.table(function) + " to public");
            assertThatThrownBy(() -> PostgresLedger.of(pool, tables.schema()).install())
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("permission denied");
            tables.enter();
            assertThat(functionsOfThePublic()).doesNotContain(function);

            Database.execute(
                    "grant execute on function " + tables.table(function) + " to public",
                    "comment on function " + lockIds + " is 'usagekit " + (LedgerSql.FUNCTIONS_VERSION + 1) + "'");
            tables.enter();
            assertThat(functionsOfThePublic())
                    .as("privileges of a later version stay")
                    .contains(function);
            Database.execute("comment on function " + lockIds + " is null");
            tables.enter();
            assertThat(functionsOfThePublic()).doesNotContain(function);
        }
    }

    /** Also where the triggers are as they are in this version. */
    @Test
    void replaceFunctionsOfAPreviousVersion() {
        String enterIds = tables.table("usagekit_enter_ids");
        Database.execute(
                "grant execute on function " + tables.table("usagekit_enter_ids_of") + " to public",
                "create or replace function " + enterIds + "(given oid) returns void language sql security definer"
                        + " as 'select null'",
                "comment on function " + tables.table("usagekit_lock_ids") + " is null");
        tables.enter();
        assertThat(functionsOfThePublic()).doesNotContain("usagekit_enter_ids_of");
        assertDenied("select " + enterIds + "(null)");

        Database.execute(
                "create or replace function " + enterIds + "(given oid) returns void language sql as 'select null'",
                "comment on function " + tables.table("usagekit_lock_ids") + " is 'usagekit "
                        + (LedgerSql.FUNCTIONS_VERSION + 1) + "'");
        tables.enter();
        assertThatCode(() -> execute("select " + enterIds + "(null)"))
                .as("a function of a later version stays")
                .doesNotThrowAnyException();
        Database.execute("comment on function " + tables.table("usagekit_lock_ids") + " is null");
        tables.enter();
    }

    /** The function that finds keys has the privileges of its caller, also where another function calls it. */
    @Test
    void findKeysOnlyForARoleThatMayReadThem() throws SQLException {
        String events = tables.table("events");
        String liveKeys = "select " + tables.table("usagekit_live_keys") + "(array['p'], array['key0'])";
        tables.ledger()
                .record(PartitionedLedger.event("keyed", 0)
                        .idempotencyKey("key0")
                        .build());
        grant("select (id)", "events");
        assertDenied(liveKeys);
        grant("select", "events_ids");
        assertDenied(liveKeys);
        grant("select", "events");
        assertThat(rows(liveKeys)).isEqualTo(1);
        Database.execute("alter table " + events + " enable row level security");
        try {
            assertThat(rows(liveKeys)).as("behind a policy").isZero();
        } finally {
            Database.execute(
                    "alter table " + events + " disable row level security",
                    "delete from " + events + " where id = 'keyed'");
        }
    }

    private int rows(String sql) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            int count = 0;
            while (rows.next()) {
                count++;
            }
            return count;
        }
    }
}
