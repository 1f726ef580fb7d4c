package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.rollups.FigureComparison;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.HostTables;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import javax.sql.DataSource;
import org.postgresql.util.PSQLException;

/**
 * The library's own tables in a schema of their own, with everything that may belong to a table and another table that refers to
 * events. They hold rows from November 2025 to the middle of March 2026; it is noon of March 17.
 */
final class PartitionFixture extends HostTables implements AutoCloseable {

    static final int EVENTS = 500;
    static final int DELIVERIES = 800;

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    final TableMapping mapping;
    final PostgresRollups rollups;
    private final String role;

    private PartitionFixture(DataSource dataSource, String schema, TableMapping mapping) {
        super(dataSource, schema);
        this.mapping = mapping;
        this.rollups = PostgresRollups.of(dataSource, mapping);
        this.role = "usagekit_reader_" + schema;
    }

    /** Creates the tables in a new schema of the shared server. */
    static PartitionFixture create() {
        return create(Database.pool(), "part");
    }

    /** Creates the tables, and what a host might add to them, in a new schema. */
    static PartitionFixture create(DataSource dataSource, String base) {
        String schema = Database.newSchema(base);
        PartitionFixture tables = new PartitionFixture(dataSource, schema, TableMapping.usagekit(schema));
        new SchemaInstaller(dataSource).createTables(tables.mapping);
        tables.run(
                "insert into {s}.projects (id, organisation_id) values ('p', 'org-123'), ('q', 'org-123')",
                "alter table {s}.events add column dropped int, add column host_key text not null default 'k', add column counted int generated always as identity, add check (event_type <> 'never')",
                "alter table {s}.events drop column dropped",
                "create sequence {s}.serials owned by {s}.events.host_key",
                "comment on table {s}.events is 'what''s received'",
                "comment on column {s}.events.raw is 'as it came'",
                "create unique index events_host_key on {s}.events (project_id, (host_key || id)) include (raw) where event_type <> 'free'",
                "alter table {s}.events add constraint \"named, (so)\" unique (id, host_key)",
                "create index events_expression on {s}.events (lower(event_type) desc nulls last)",
                "create table {s}.notes (id bigint generated always as identity primary key, event_id text not null references {s}.events on delete cascade on update cascade,"
                        + " pinned_id text references {s}.events on delete set null on update cascade)",
                "create role " + tables.role,
                "grant select, insert on {s}.events to " + tables.role + " with grant option",
                "grant update (event_type) on {s}.events to " + tables.role,
                "grant select on {s}.event_deliveries to public",
                "create function {s}.nothing() returns trigger language plpgsql as 'begin return new; end'",
                "create trigger host_before before insert or update on {s}.events for each row when (new.event_type = 'x') execute function {s}.nothing()",
                "create trigger host_off after insert on {s}.event_deliveries for each statement execute function {s}.nothing()",
                "alter table {s}.event_deliveries disable trigger host_off",
                "insert into {s}.events (id, project_id, raw, data, created_at, deleted_at) select 'e' || n, case n % 3 when 0 then 'q' else 'p' end, repeat('é', n % 40),"
                        + " '\\x00ff', timestamptz '2025-11-03Z' + n * interval '6 hours', case n % 11 when 0 then now() end from generate_series(0, "
                        + (EVENTS - 1) + ") n",
                "insert into {s}.event_deliveries select 'd' || n, 'p', 'e' || n * 5 / 8, case n % 7 when 0 then 'Failure' else 'Success' end,"
                        + " timestamptz '2025-11-03Z' + n * 5 / 8 * interval '6 hours' from generate_series(0, "
                        + (DELIVERIES - 1) + ") n");
        return tables;
    }

    /** Builds partitions of the tables, in batches that are smaller than the tables. */
    PostgresPartitions partitions(UnaryOperator<PostgresPartitions.Builder> settings) {
        return settings.apply(PostgresPartitions.builder(dataSource)
                        .mapping(mapping)
                        .clock(clock)
                        .batchesOf(70))
                .build();
    }

    PostgresPartitions partitions() {
        return partitions(UnaryOperator.identity());
    }

    void installRollups() {
        rollups.install();
        runWorker();
    }

    void runWorker() {
        try (RollupWorker worker = PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .clock(clock)
                .build()
                .worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            worker.runOnce();
        }
    }

    FigureComparison.Pair read(UsageKey key) {
        return new FigureComparison(dataSource, rollups, mapping).compare(key);
    }

    /** The figure as the host reads it, the rows included that retention has deleted. */
    CombinedQuery.Totals figure(UsageKey key) {
        var usage = PostgresRollups.builder(dataSource)
                .mapping(mapping)
                .clock(clock)
                .build()
                .calculator()
                .calculate(key, TIMEOUT);
        return new CombinedQuery.Totals(usage.received(), usage.sent(), usage.unmeasured());
    }

    /** A digest of all rows with all their columns. */
    String rows() {
        return column("select md5(string_agg(e::text, '|' order by id)) from {s}.events e union all"
                        + " select md5(string_agg(d::text, '|' order by id)) from {s}.event_deliveries d")
                .toString();
    }

    /** Columns, indexes, constraints, triggers, privileges, comments and sequences of the tables, as the catalog has them. */
    List<String> description() {
        return column("""
                with t as (select * from pg_class where oid in ('{s}.events'::regclass, '{s}.event_deliveries'::regclass, '{s}.notes'::regclass))
                select 'table ' || relname || ' ' || relowner::regrole::text || ' ' || coalesce(relacl::text, '') || ' ' || coalesce(obj_description(t.oid, 'pg_class'), '') from t
                union all
                select 'column ' || relname || ' ' || a.attname || ' ' || format_type(atttypid, atttypmod) || format(' %s %s %s %s', attnotnull, attgenerated, attidentity, attstorage)
                    || ' ' || coalesce(pg_get_expr(adbin, adrelid), '') || coalesce(attacl::text, '') || coalesce(col_description(t.oid, attnum), '')
                from t join pg_attribute a on attrelid = t.oid and attnum > 0 and not attisdropped left join pg_attrdef on adrelid = t.oid and adnum = attnum
                union all
                select 'index ' || replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') from t join pg_index on indrelid = t.oid
                union all
                select 'constraint ' || relname || ' ' || conname || ' ' || pg_get_constraintdef(c.oid) || format(' %s', convalidated) from t join pg_constraint c on conrelid = t.oid
                union all
                select 'trigger ' || pg_get_triggerdef(g.oid) || format(' %s', tgenabled) from t join pg_trigger g on tgrelid = t.oid where not tgisinternal
                union all
                select 'sequence ' || d.objid::regclass::text || ' of ' || t.relname || format(' %s %s %s', refobjsubid, d.deptype, pg_sequence_last_value(d.objid))
                from t join pg_depend d on d.refobjid = t.oid and d.classid = 'pg_class'::regclass join pg_class s on s.oid = d.objid and s.relkind = 'S'
                order by 1
                """).stream()
                .map(line -> line.replaceAll(" of events \\d+ ", " of events "))
                .toList();
    }

    /** The description of the tables once they are partitioned: unique keys include the time, and triggers replace foreign keys. */
    List<String> partitioned(List<String> plain) {
        return plain.stream()
                .filter(line -> !line.matches("constraint (notes|event_deliveries) .* REFERENCES [^ ]*events.*"))
                .map(line -> line.replaceFirst(
                        "^((constraint events|constraint event_deliveries|index CREATE UNIQUE INDEX .* ON [^ ]*(events|event_deliveries) ).*?\\((id|id, host_key|project_id, \\(\\(host_key \\|\\| id\\)\\)))\\)( .*|$)",
                        "$1, created_at)$5"))
                .map(line -> line.replace(
                        "REFERENCES " + schema + ".projects(id, created_at)", "REFERENCES " + schema + ".projects(id)"))
                .sorted()
                .toList();
    }

    /** A description without the triggers that replace foreign keys and without values of sequences, in some order. */
    static List<String> essence(List<String> description) {
        return description.stream()
                .filter(line -> !line.matches("(trigger|constraint) .*usagekit_(references|referenced|truncated)_.*"))
                .filter(line -> !line.startsWith("sequence"))
                .sorted()
                .toList();
    }

    /** The SQLSTATE of a statement that must fail, and the constraint that it names. */
    String fails(String sql) {
        try (Connection connection = dataSource.getConnection()) {
            run(connection, sql);
        } catch (PSQLException e) {
            String constraint = e.getServerErrorMessage() == null
                    ? null
                    : e.getServerErrorMessage().getConstraint();
            return e.getSQLState() + (constraint == null ? "" : " " + constraint);
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
        throw new AssertionError("it didn't fail: " + sql);
    }

    String one(String query) {
        return String.join(",", column(query));
    }

    List<String> column(String query) {
        return Database.column(sql(query));
    }

    /** Waits until a session queues for a lock in a statement like this. */
    void awaitWaiting(String statement) {
        awaitSome(
                "queues for a lock in " + statement,
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like ?",
                statement);
    }

    /** Waits until a session queues for a lock on a table. */
    void awaitWaitingFor(String table) {
        awaitSome(
                "queues for a lock on " + table,
                "select count(*) from pg_locks where not granted and relation = to_regclass(?)",
                sql("{s}." + Identifiers.quote(table)));
    }

    private static void awaitSome(String what, String count, String value) {
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (Database.query(count, value).equals("0")) {
            assertThat(System.nanoTime()).as("a session " + what).isLessThan(deadline);
            LockSupport.parkNanos(1_000_000);
        }
    }

    @Override
    public void close() {
        rollups.removeWithRetained();
        run(
                "drop schema if exists " + Identifiers.quote(schema + "_partitions") + " cascade",
                "drop schema {s} cascade",
                "drop owned by " + role,
                "drop role " + role);
    }
}
