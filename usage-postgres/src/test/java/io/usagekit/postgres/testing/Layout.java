package io.usagekit.postgres.testing;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * A way in which a host may keep its tables: how they are made from the source tables ({@code {s}} is the schema), how they are
 * mapped, and what an event's size is in them.
 */
@SuppressWarnings("ImmutableEnumChecker") // lists of List.of, functions without state
public enum Layout {
    /** The gateway preset. */
    GATEWAY(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                    "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                    "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at, case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries"),
            TableMapping::gateway),

    /** The library's own tables: not null, sizes stored. */
    OWN(
            List.of(
                    "insert into {s}.projects (id, organisation_id, deleted_at) select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events (id, project_id, raw, data, created_at, deleted_at) select id, project, coalesce(raw, ''), coalesce(data, ''), coalesce(created_at, '2001-01-01Z'), case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) select id, project, event, status, coalesce(created_at, '2001-01-01Z') from {s}.source_deliveries"),
            TableMapping::usagekit),

    /** The library's own tables, partitioned by the library; a host that deletes events and keeps deliveries has no foreign key. */
    OWN_BY_WEEK(
            List.of(
                    "insert into {s}.projects (id, organisation_id, deleted_at) select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events (id, project_id, raw, data, created_at, deleted_at) select id, project, coalesce(raw, ''), coalesce(data, ''), coalesce(created_at, '2026-01-01Z'), case when deleted then now() end from {s}.source_events",
                    "alter table {s}.event_deliveries drop constraint if exists event_deliveries_event_id_fkey",
                    "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) select id, project, event, status, coalesce(created_at, '2026-01-01Z') from {s}.source_deliveries"),
            TableMapping::usagekit),

    /** Deletion is a flag: not null for events, null or false in live projects. */
    FLAGGED(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, is_deleted boolean)",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, is_deleted boolean not null)",
                    "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                    "insert into {s}.projects select id, organisation, case when deleted then true when id <> 'p1' then false end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at, deleted from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries"),
            schema -> TableMapping.gateway(schema).toBuilder()
                    .projectDeletedAt("is_deleted")
                    .eventDeletedAt("is_deleted")
                    .build()) {
        @Override
        public String liveMark() {
            return "false";
        }
    },

    /** Times are without a zone, in UTC. */
    ZONELESS(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamp)",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamp, deleted_at timestamp)",
                    "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamp)",
                    "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at at time zone 'UTC', case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at at time zone 'UTC' from {s}.source_deliveries"),
            schema -> TableMapping.gateway(schema).toBuilder()
                    .timestampsIn(ZoneOffset.UTC)
                    .build()),

    /** Live rows are deleted in infinity: all of the projects, and some of the events, whose time is null otherwise. */
    INFINITE(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz not null default 'infinity')",
                    "create domain {s}.deletion as timestamptz",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at {s}.deletion default 'infinity')",
                    "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                    "insert into {s}.projects select id, organisation, case when deleted then now() else 'infinity' end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at, case when deleted then now() when id like '%1' then 'infinity' end from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries"),
            TableMapping::gateway) {
        @Override
        public String liveMark() {
            return "'infinity'";
        }
    },

    /** Columns that are compared differ in type, times of deliveries are without a zone, and a deleted event leaves null in deliveries. */
    MIXED(
            List.of(
                    "create table {s}.projects (id bigint primary key, organisation_id varchar, deleted_at date)",
                    "create table {s}.events (id integer primary key, project_id integer, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                    "create table {s}.event_deliveries (id bigint primary key, project_id numeric, event_id bigint constraint of_event references {s}.events on delete set null, status name, created_at timestamp)",
                    "insert into {s}.projects select substr(id, 2)::bigint, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events select substr(id, 2)::integer, substr(project, 2)::integer, raw, data, created_at, case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries select substr(id, 2)::bigint, substr(project, 2)::numeric, substr(event, 2)::bigint, status, created_at at time zone 'UTC' from {s}.source_deliveries"),
            schema -> TableMapping.gateway(schema).toBuilder()
                    .timestampsIn(ZoneOffset.UTC)
                    .build()),

    /** Some ids are padded with blanks, which don't count, and are compared with others that aren't. */
    PADDED(
            List.of(
                    "create table {s}.projects (id char(10) primary key, organisation_id char(20), deleted_at timestamptz)",
                    "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                    "create table {s}.event_deliveries (id char(26) primary key, project_id char(30), event_id char(26), status char(12), created_at timestamptz)",
                    "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at, case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, case status when 'Success ' then 'Retry' else status end, created_at from {s}.source_deliveries"),
            TableMapping::gateway),

    /** All names differ, ids are uuid and bigint, status is an enumeration, several statuses count. */
    RENAMED(
            List.of(
                    "create type {s}.\"State\" as enum ('Success', 'Delivered', 'Failure', 'Retry', 'success', 'Success ')",
                    "create table {s}.\"Proj:ects\" (\"key\" bigint primary key, \"owner org\" text, \"gone?\" boolean)",
                    "create table {s}.\"-- {events}\" (\"ID\" uuid primary key, \"pro\"\"ject\" bigint, \":start\" varchar(200000), \"at\" timestamptz, \"gone\" text)",
                    "create table {s}.\"select\" (\"id\" bigint, \"p\" bigint, \"e\" uuid, \"state\" {s}.\"State\", \"when\" timestamptz)",
                    "insert into {s}.\"Proj:ects\" select substr(id, 2)::bigint, organisation, case when deleted then true end from {s}.source_projects",
                    "insert into {s}.\"-- {events}\" select md5(id)::uuid, substr(project, 2)::bigint, raw, created_at, case when deleted then '' end from {s}.source_events",
                    "insert into {s}.\"select\" select substr(id, 2)::bigint, substr(project, 2)::bigint, md5(event)::uuid, status::{s}.\"State\", created_at from {s}.source_deliveries"),
            schema -> TableMapping.builder(schema)
                    .projects("Proj:ects")
                    .projectId("key")
                    .projectOrganisationId("owner org")
                    .projectDeletedAt("gone?")
                    .events("-- {events}")
                    .eventId("ID")
                    .eventProjectId("pro\"ject")
                    .eventCreatedAt("at")
                    .eventDeletedAt("gone")
                    .payload(":start")
                    .deliveries("select")
                    .deliveryProjectId("p")
                    .deliveryEventId("e")
                    .deliveryStatus("state")
                    .deliveryCreatedAt("when")
                    .deliveredStatuses("Success", "Delivered")
                    .build(),
            RandomRows::raw),

    /** The payload is a {@code jsonb} document: as large as its text. */
    JSONB(
            gatewayWith("document jsonb", "document::jsonb"),
            schema ->
                    TableMapping.gateway(schema).toBuilder().payload("document").build()),

    /** The payload is a {@code json} document, kept as it was received. */
    JSON(
            gatewayWith("document json", "document::json"),
            schema ->
                    TableMapping.gateway(schema).toBuilder().payload("document").build(),
            event -> event.document().getBytes(java.nio.charset.StandardCharsets.UTF_8).length),

    /** Bytes only. */
    BYTEA(
            gatewayWith("body bytea", "data"),
            schema -> TableMapping.gateway(schema).toBuilder().payload("body").build(),
            RandomRows::data),

    /** Sizes are stored in every row, and there is no payload column. */
    STORED(
            gatewayWith("size integer not null", "coalesce(octet_length(raw), 0) + coalesce(octet_length(data), 0)"),
            schema -> TableMapping.gateway(schema).toBuilder()
                    .payload()
                    .storedBytes("size")
                    .build()),

    /** Sizes are stored in newer rows only. */
    PARTLY_STORED(
            gatewayWith(
                    "raw text, data bytea, size bigint",
                    "raw, data, case when substr(id, 2)::int % 3 > 0 then coalesce(octet_length(raw), 0) + coalesce(octet_length(data), 0) end"),
            schema ->
                    TableMapping.gateway(schema).toBuilder().storedBytes("size").build()),

    /** A gateway's own partitions: by project, and by day within each of some projects. */
    PROJECTS_AND_DAYS(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                    "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz) partition by list (project_id)",
                    "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz) partition by list (project_id)",
                    """
                    do $$
                    declare
                        host_table text;
                        project text;
                    begin
                        foreach host_table in array array['events', 'event_deliveries'] loop
                            for project in select id from {s}.source_projects order by id limit 2 loop
                                execute format('create table {s}.%1$I partition of {s}.%2$I for values in (%3$L) partition by range (created_at)',
                                    host_table || '_' || project, host_table, project);
                                execute format('create table {s}.%1$I partition of {s}.%2$I default',
                                    host_table || '_' || project || '_rest', host_table || '_' || project);
                                for day in 0..9 loop
                                    execute format('create table {s}.%1$I partition of {s}.%2$I for values from (%3$L) to (%4$L)',
                                        host_table || '_' || project || '_' || day, host_table || '_' || project,
                                        timestamptz '2026-03-01Z' + day * interval '1 day',
                                        timestamptz '2026-03-02Z' + day * interval '1 day');
                                end loop;
                            end loop;
                            execute format('create table {s}.%1$I partition of {s}.%2$I default', host_table || '_rest', host_table);
                        end loop;
                    end $$
                    """,
                    "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                    "insert into {s}.events select id, project, raw, data, created_at, case when deleted then now() end from {s}.source_events",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries"),
            TableMapping::gateway),

    /** Events and deliveries are partitioned by time, projects and events never deleted. */
    PARTITIONED(
            List.of(
                    "create table {s}.projects (id varchar primary key, organisation_id varchar)",
                    "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz) partition by range (created_at)",
                    "create table {s}.events_old partition of {s}.events for values from (minvalue) to ('2026-03-01Z')",
                    "create table {s}.events_new partition of {s}.events for values from ('2026-03-01Z') to ('2026-04-01Z') partition by hash (project_id)",
                    "create table {s}.events_new_0 partition of {s}.events_new for values with (modulus 2, remainder 0)",
                    "create table {s}.events_new_1 partition of {s}.events_new for values with (modulus 2, remainder 1)",
                    "create table {s}.events_rest partition of {s}.events default",
                    "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz) partition by range (created_at)",
                    "create table {s}.event_deliveries_march partition of {s}.event_deliveries for values from ('2026-03-01Z') to ('2026-04-01Z')",
                    "create table {s}.event_deliveries_rest partition of {s}.event_deliveries default",
                    "insert into {s}.projects select id, organisation from {s}.source_projects where not deleted",
                    "insert into {s}.events select id, project, raw, data, created_at from {s}.source_events where not deleted",
                    "insert into {s}.events select id, 'elsewhere', raw, data, created_at from {s}.source_events where deleted",
                    "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries"),
            schema -> TableMapping.gateway(schema).toBuilder()
                    .withoutProjectDeletion()
                    .withoutEventDeletion()
                    .build());

    private final List<String> statements;
    private final Function<String, TableMapping> mapping;
    private final ToLongFunction<RandomRows.Event> octets;

    Layout(List<String> statements, Function<String, TableMapping> mapping) {
        this(statements, mapping, RandomRows::rawAndData);
    }

    Layout(List<String> statements, Function<String, TableMapping> mapping, ToLongFunction<RandomRows.Event> octets) {
        this.statements = statements;
        this.mapping = mapping;
        this.octets = octets;
    }

    private static List<String> gatewayWith(String columns, String values) {
        return List.of(
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, created_at timestamptz, deleted_at timestamptz, "
                        + columns + ")",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.projects select id, organisation, case when deleted then now() end from {s}.source_projects",
                "insert into {s}.events select id, project, created_at, case when deleted then now() end, " + values
                        + " from {s}.source_events",
                "insert into {s}.event_deliveries select id, project, event, status, created_at from {s}.source_deliveries");
    }

    public TableMapping mapping(String schema) {
        return mapping.apply(schema);
    }

    /** Returns the value, as SQL, of the column that marks deleted events in one that isn't deleted; some may have null instead. */
    public String liveMark() {
        return "null";
    }

    /** Creates and fills the tables. */
    public void create(String schema) {
        if (this == OWN || this == OWN_BY_WEEK) {
            PostgresUsage.install(Database.pool(), schema);
        }
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
        if (this == OWN_BY_WEEK) {
            PostgresPartitions.builder(Database.pool())
                    .mapping(mapping(schema))
                    .clock(InstantSource.fixed(Instant.parse("2026-04-20T12:00:00Z")))
                    .build()
                    .partition(PartitionInterval.WEEK, new PartitionProgress() {});
            Database.dropSchema(schema + PostgresPartitions.SCHEMA_SUFFIX);
        }
    }

    /** Returns an event's size in this layout. The text form of a {@code jsonb} document is known to the database only. */
    public ToLongFunction<RandomRows.Event> octets(String schema) {
        if (this != JSONB) {
            return octets;
        }
        Map<String, Long> sizes = new HashMap<>();
        for (String row :
                Database.column("select id || ' ' || document::text from " + Identifiers.quote(schema) + ".events")) {
            String document = row.substring(row.indexOf(' ') + 1);
            sizes.put(row.substring(0, row.indexOf(' ')), (long)
                    document.getBytes(java.nio.charset.StandardCharsets.UTF_8).length);
        }
        return event -> Objects.requireNonNull(sizes.get(event.id()));
    }
}
