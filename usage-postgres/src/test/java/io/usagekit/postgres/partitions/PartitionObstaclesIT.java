package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.testing.Database;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Whatever would go on depending on the old table is named before anything is changed, all of it at once. */
class PartitionObstaclesIT {

    /** The first version of PostgreSQL with functions whose bodies are parsed when they are created. */
    private static final int PARSED_BODIES = 140_000;

    /** The first version of PostgreSQL with publications of a schema. */
    private static final int SCHEMA_PUBLICATIONS = 150_000;

    /** The first version of PostgreSQL with foreign keys that aren't enforced. */
    private static final int UNENFORCED_KEYS = 180_000;

    private final PartitionFixture tables = PartitionFixture.create();
    private final PostgresPartitions partitions = tables.partitions();
    private final int version = Integer.parseInt(tables.one("show server_version_num"));

    @AfterEach
    void drop() {
        tables.run("drop publication if exists " + tables.schema + "_all");
        tables.close();
    }

    /** Everything that the catalog holds about the schema's objects and what depends on them. */
    private List<String> catalog() {
        List<String> all = new ArrayList<>(tables.description());
        all.addAll(tables.column("""
                with own as (
                    select 'pg_class'::regclass::oid as classid, oid as objid from pg_class where relnamespace = '{s}'::regnamespace
                    union all
                    select 'pg_proc'::regclass, oid from pg_proc where pronamespace = '{s}'::regnamespace
                )
                select pg_describe_object(d.classid, d.objid, d.objsubid) || ' ' || d.deptype::text || ' '
                    || pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
                from pg_depend d
                where (d.classid, d.objid) in (select * from own) or (d.refclassid, d.refobjid) in (select * from own)
                union all
                select 'schema ' || nspname from pg_namespace where nspname like '{s}%'
                order by 1
                """));
        return all;
    }

    /** What is in the way of the events, by the statement that creates it. */
    private Map<String, String> ofEvents() {
        Map<String, String> obstacles = new LinkedHashMap<>();
        obstacles.put("create view {s}.recent as select * from {s}.events", "the view {s}.recent");
        obstacles.put(
                "create materialized view {s}.counts as select count(*) from {s}.events",
                "the materialised view {s}.counts");
        obstacles.put(
                "create rule copied as on insert to {s}.notes do also"
                        + " update {s}.events set event_type = event_type where id = new.event_id",
                "the rule copied of {s}.notes, which reads or writes it");
        obstacles.put(
                "create policy asks on {s}.notes using (exists (select from {s}.events e where e.id = event_id))",
                "the policy asks of {s}.notes, which reads it");
        if (version >= PARSED_BODIES) {
            obstacles.put(
                    "create function {s}.total() returns bigint begin atomic select count(*) from {s}.events; end",
                    "function {s}.total()");
        }
        obstacles.put(
                "create function {s}.all_events() returns setof {s}.events language sql as 'select * from {s}.events'",
                "its type {s}.events, which is used by function {s}.all_events()");
        obstacles.put(
                "alter table {s}.notes add column source regclass default '{s}.events'::regclass",
                "of table {s}.notes");
        obstacles.put(
                "create table {s}.numbers (n bigint default nextval('{s}.events_counted_seq'))",
                "of table {s}.numbers, which uses its identity sequence {s}.events_counted_seq");
        obstacles.put(
                "create table {s}.pairs (a varchar, b text, constraint paired foreign key (a, b) references {s}.events (id, host_key))",
                "the foreign key paired of {s}.pairs, which is more than one column that refers to the key");
        obstacles.put(
                "alter table {s}.events add constraint unproved check (event_type <> 'maybe') not valid",
                "the check constraint unproved, which isn't validated (validate it first");
        obstacles.put(
                "alter table {s}.events add constraint alone check (event_type <> 'alone') no inherit",
                "the check constraint alone, which is NO INHERIT (a partitioned table can't have it");
        if (version >= UNENFORCED_KEYS) {
            obstacles.put(
                    "alter table {s}.notes add constraint assumed foreign key (pinned_id) references {s}.events not enforced",
                    "the foreign key assumed of {s}.notes, which isn't enforced (the triggers in its place would enforce it");
        }
        obstacles.put(
                "alter table {s}.events replica identity full",
                "its replica identity isn't the default (set it first (ALTER TABLE ... REPLICA IDENTITY DEFAULT)");
        return obstacles;
    }

    private Map<String, String> ofDeliveries() {
        Map<String, String> obstacles = new LinkedHashMap<>();
        obstacles.put(
                "alter table {s}.event_deliveries alter created_at drop not null",
                "its column \"created_at\" may be null, but becomes part of the primary key (set it NOT NULL first)");
        obstacles.put(
                "alter table {s}.event_deliveries add constraint loose foreign key (project_id) references {s}.projects not valid",
                "the foreign key loose, which isn't validated");
        obstacles.put(
                "create table {s}.event_deliveries_usagekit_new ()",
                "event_deliveries_usagekit_new\" has a name that the rewrite needs");
        if (version >= SCHEMA_PUBLICATIONS) {
            obstacles.put(
                    "create publication {s}_all for tables in schema {s}",
                    "the publication {s}_all (take it out first (ALTER PUBLICATION ... DROP TABLE");
        }
        return obstacles;
    }

    private String named(String text) {
        return text.replace("{s}", tables.schema);
    }

    @Test
    void namesEverythingThatIsInTheWayOfBothTablesBeforeAnythingIsChanged() {
        ofEvents().keySet().forEach(statement -> tables.run(named(statement)));
        ofDeliveries().keySet().forEach(statement -> tables.run(named(statement)));
        List<String> before = catalog();
        Throwable refusal = catchThrowable(() -> partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE));
        assertThat(catalog()).isEqualTo(before);
        assertThat(refusal).isInstanceOf(UsageStorageException.class).hasMessageEndingWith("nothing has been changed");
        String message = Objects.requireNonNull(refusal.getMessage());
        int deliveries = message.indexOf("cannot rewrite table \"" + tables.schema + "\".\"event_deliveries\"");
        assertThat(deliveries).as(message).isPositive();
        for (String obstacle : ofEvents().values()) {
            assertThat(message.substring(0, deliveries)).contains(named(obstacle));
        }
        for (String obstacle : ofDeliveries().values()) {
            assertThat(message.substring(deliveries)).contains(named(obstacle));
        }
    }

    /** PostgreSQL rejects a row that a BEFORE trigger moves to another partition, with SQLSTATE 0A000. */
    @Test
    void namesATriggerThatSetsTheTimeBeforeARowIsInserted() {
        List<String> bodies = List.of(
                "begin new.created_at := now(); return new; end",
                "begin if new.id is null then return null; end if; NEW . \"created_at\" = now(); return new; end",
                "begin select now(), 'x' into new.created_at, new.event_type; return new; end",
                "begin new := jsonb_populate_record(new, '{\"created_at\": \"2026-01-01Z\"}'); return new; end",
                "declare r record; begin r := new; r.created_at := now(); return r; end");
        for (String body : bodies) {
            tables.run(
                    "create or replace function {s}.stamp() returns trigger language plpgsql as $$" + body + "$$",
                    "create trigger stamped before insert on {s}.event_deliveries for each row execute function {s}.stamp()");
            assertThatThrownBy(() -> partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                    .as(body)
                    .hasMessageContaining(
                            "event_deliveries\": the trigger stamped, which may set \"created_at\" before a row")
                    .hasMessageContaining("give the column a default");
            tables.run("drop trigger stamped on {s}.event_deliveries");
        }
    }

    @Tag("thorough")
    @Test
    void acceptsATriggerThatOnlyReadsTheTime() {
        tables.run(
                "create table {s}.audit (id text, at timestamptz, n int)",
                """
                create function {s}.reads() returns trigger language plpgsql as $$
                declare
                    at timestamptz;
                begin
                    -- new.created_at := now();
                    if new.created_at = now() or new.created_at > now() then
                        new.event_type := 'late';
                    end if;
                    select new.created_at into at;
                    insert into {s}.audit values (new.id, new.created_at, 1);
                    return coalesce(new, old);
                end $$""",
                "create trigger reading before insert on {s}.events for each row execute function {s}.reads()");
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        tables.run("insert into {s}.events (id, project_id, created_at) values ('new', 'p', '2026-02-03Z')");
        assertThat(tables.one("select count(*) from {s}.audit where id = 'new'"))
                .isEqualTo("1");
    }

    @Test
    void namesTheTablesThatItsRoleDoesNotOwn() {
        String role = tables.schema + "_partition";
        tables.run(
                "create role " + role,
                "grant usage, create on schema {s} to " + role,
                "grant create on database " + tables.one("select quote_ident(current_database())") + " to " + role,
                "alter table {s}.events owner to " + role);
        List<String> before = catalog();
        try (HikariDataSource pool = Database.newPool(3, config -> config.setConnectionInitSql("set role " + role))) {
            PostgresPartitions limited = PostgresPartitions.builder(pool)
                    .mapping(tables.mapping)
                    .clock(tables.clock)
                    .build();
            assertThatThrownBy(() -> limited.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageContaining("the table " + tables.schema
                            + ".notes, whose foreign key notes_event_id_fkey only its owner")
                    .hasMessageContaining("event_deliveries\": ")
                    .hasMessageContaining("its owner ");
        } finally {
            assertThat(catalog()).isEqualTo(before);
            tables.run("alter table {s}.events owner to current_user", "drop owned by " + role, "drop role " + role);
        }
    }

    /** A table that is made plain again would lose what single partitions have. */
    @Tag("thorough")
    @Test
    void namesWhatOnlyAPartitionHas() {
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        tables.run(
                "create index only_one on {s}.events_p202601 (event_type)",
                "alter table {s}.events_p202601 add constraint only_two check (event_type <> 'two')",
                "create trigger only_three after insert on {s}.events_p202601 for each row execute function {s}.nothing()",
                "create view {s}.january as select * from {s}.events_p202601");
        List<String> before = catalog();
        assertThatThrownBy(() -> partitions.unpartition(PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(named("the index {s}.only_one, which only the partition {s}.events_p202601 has"))
                .hasMessageContaining("the check constraint only_two, which only the partition")
                .hasMessageContaining("the trigger only_three, which only the partition")
                .hasMessageContaining(named("the view {s}.january"));
        assertThat(catalog()).isEqualTo(before);
    }

    @Test
    void leavesTheTablesAsTheyWereWhenAFailedRunIsUndone() {
        List<String> before = catalog();
        PostgresPartitions hindered = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.CAUGHT_UP) {
                tables.run("create or replace view {s}.meanwhile as select * from {s}.events");
            }
        }));
        assertThatThrownBy(() -> hindered.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(named("these would not survive it: the view {s}.meanwhile"));
        partitions.unpartition(PartitionProgress.NONE);
        tables.run("drop view {s}.meanwhile");
        assertThat(catalog()).isEqualTo(before);
    }
}
