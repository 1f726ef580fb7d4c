package io.usagekit.postgres.rollups;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.MappedNames;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.internal.FeedNames;
import io.usagekit.postgres.rollups.internal.TriggerFragments;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.zip.CRC32;

/** The SQL statements of roll-ups over one mapping, in one schema. Thread-safe. */
final class RollupSql {

    /** Version of the installed tables, functions and triggers; raised with each change to them. */
    static final int VERSION = 4;

    /** The table that is kept when roll-ups are replaced: its sums can't be computed again. */
    static final String RETAINED = "retained";

    /** The tables that a restore must not replace by older ones without notice. */
    private static final List<String> OWN_TABLES = List.of(
            "state", "host_table", "partition", "project", "rollup", "mark", "changed_event", "orphan", RETAINED);

    /** The statements as shipped. */
    static final SqlSource SOURCE = SqlFiles.of(
            "rollups/read.sql",
            "rollups/feed.sql",
            "rollups/maintain.sql",
            "rollups/retain.sql",
            "rollups/dependants.sql",
            "rollups/catalog.sql",
            "rollups/verify.sql");

    /** Statements that name neither mapped tables nor the roll-ups' schema. */
    private static final SqlStatements WITHOUT_NAMES = SqlStatements.of(SOURCE, Map.of());

    /** The triggers on the host's tables, by what is in their names. */
    private static final List<String> TRIGGERS = List.of("insert", "update", "delete", "truncate");

    /** The functions that the triggers call. */
    private static final List<String> FUNCTIONS = List.of(
            "event_inserted",
            "event_updated",
            "event_deleted",
            "delivery_changed",
            "delivery_updated",
            "is_delivered",
            "table_truncated",
            "watermark",
            "log_event",
            "forget");

    /** Conditions of the organisations whose sums {@code series} reads. */
    static final String ONE_ORGANISATION = "p.{project.organisation_id} = :organisation_id";

    static final String ALL_ORGANISATIONS = "true";

    /** Fragments in place of those that find missing projects. */
    private static final Map<String, String> NONE_MISSING = Map.of(
            "missing-project", "select null::text",
            "missing-projects", "select null::bigint as n, null::text as project_id",
            "project-is-missing", "false");

    /** Fragments of {@code series}, for one organisation and for all. */
    static final Map<String, String> OF_ONE = Map.of(
            "organisation.counts",
            ONE_ORGANISATION,
            "retained.organisation.counts",
            "k.organisation_id = {organisation.begin_text}:organisation_id{organisation.end_text}");

    static final Map<String, String> OF_ALL =
            Map.of("organisation.counts", ALL_ORGANISATIONS, "retained.organisation.counts", ALL_ORGANISATIONS);

    /** The ids of deleted events in retained sums. */
    static final Map<String, String> SAMPLES =
            Map.of("sample.event", "r.event_id", "sample.delivered_event", "r.delivered_event_id");

    private static final Map<String, String> NO_SAMPLES =
            Map.of("sample.event", "null", "sample.delivered_event", "null");

    /** Condition of the retained sums of one organisation. */
    static final String RETAINED_OF_ONE =
            "r.project_id in (select p.{project.id} from {projects} p where " + ONE_ORGANISATION + ")";

    private final TableMapping mapping;
    private final TableShape shape;
    private final String schema;
    private final Map<String, String> names;
    private final SqlStatements statements;
    private final Map<String, String> missing;

    private RollupSql(TableShape shape, String schema, SqlSource source, Map<String, String> missing) {
        this.missing = missing;
        this.mapping = shape.mapping();
        this.shape = shape;
        this.schema = schema;
        Map<String, String> all = MappedNames.of(shape);
        all.put("rollups", Identifiers.quote(schema));
        all.putAll(FeedNames.of(schema));
        all.put("version", Integer.toString(VERSION));
        all.put("settings", Identifiers.literal(RollupCatalog.settings(shape, schema)));
        all.put("events.regclass", regclass(mapping.schema(), mapping.events()));
        all.put("deliveries.regclass", regclass(mapping.schema(), mapping.deliveries()));
        all.put("retained.lost_sizes", "r.lost_sizes");
        all.putAll(SAMPLES);
        all.put("span-in-chunk", "true");
        all.put("events-in-chunk", "");
        all.put("deliveries-in-chunk", "");
        all.put("deleted.keys", "");
        all.put("dependants", "");
        all.put("dependants.count", "0::bigint");
        all.put("mark_before", Identifiers.literal(Identifiers.qualified(schema, "mark_before")));
        all.put(
                "functions",
                "case h.role when 'events' then array(select f.oid from pg_catalog.pg_proc f where f.pronamespace ="
                        + " (select c.relnamespace from pg_catalog.pg_class c where c.oid = "
                        + all.get("mark_before") + "::regclass) and f.proname in (" + Identifiers.literals(FUNCTIONS)
                        + ")) else array[]::oid[] end");
        all.put(
                "own_tables",
                OWN_TABLES.stream()
                        .map(table -> regclass(schema, table) + "::oid")
                        .collect(Collectors.joining(", ", "array[", "]")));
        this.names = Map.copyOf(all);
        this.statements = SqlStatements.of(source, names);
    }

    /**
     * Returns the shipped statements over these tables.
     *
     * @param schema the roll-ups' schema
     */
    static RollupSql over(TableShape shape, String schema) {
        return over(shape, schema, SOURCE);
    }

    /** Returns the shipped statements over these tables, which leave out what retention has kept of projects that are missing. */
    static RollupSql omittingMissing(TableShape shape, String schema) {
        return new RollupSql(shape, schema, SOURCE, NONE_MISSING);
    }

    /** Returns the shipped statements over the same tables with roll-ups in another schema. */
    RollupSql in(String other) {
        return over(shape, other);
    }

    /** Returns the statements of this source over these tables. */
    static RollupSql over(TableShape shape, String schema, SqlSource source) {
        return new RollupSql(shape, schema, source, Map.of());
    }

    /** Returns the constant that stands for a table: the one that has this name when the statement is parsed. */
    private static String regclass(String schema, String table) {
        return Identifiers.literal(Identifiers.qualified(schema, table)) + "::regclass";
    }

    /** Returns the first full hour from an instant on. */
    static Instant nextHour(Instant instant) {
        Instant hour = instant.truncatedTo(ChronoUnit.HOURS);
        return hour.equals(instant) ? hour : hour.plus(1, ChronoUnit.HOURS);
    }

    TableMapping mapping() {
        return mapping;
    }

    TableShape shape() {
        return shape;
    }

    /** Returns the name of the roll-ups' schema. */
    String schema() {
        return schema;
    }

    /** Returns the settings that roll-ups of this mapping are installed with. */
    String settings() {
        return RollupCatalog.settings(shape, schema);
    }

    /** Returns the host's tables and the roll-ups' schema, quoted, by the names of the parameters that they are bound to. */
    Map<String, String> tables() {
        return Map.of(
                "projects", Identifiers.qualified(mapping.schema(), mapping.projects()),
                "events", Identifiers.qualified(mapping.schema(), mapping.events()),
                "deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()),
                "schema", Identifiers.quote(schema));
    }

    /** Returns one of the host's tables, quoted: {@code projects}, {@code events} or {@code deliveries}. */
    String table(String role) {
        return String.valueOf(tables().get(role));
    }

    /** Returns a call of a statement; the host's tables and the roll-ups' schema are bound where it takes them. */
    SqlCall call(Connection connection, String statement) {
        return SqlCall.of(connection, statements.template(statement)).texts(tables());
    }

    /** Returns the statements with further names, or others. */
    SqlStatements statements(Map<String, String> more) {
        return statements.with(more);
    }

    /** Returns a call of a statement with fragments. */
    SqlCall call(Connection connection, String statement, Map<String, String> fragments) {
        return SqlCall.of(connection, statements.template(statement, fragments));
    }

    /** Returns a call of a statement on a partition, qualified and quoted. */
    SqlCall callOn(Connection connection, String statement, String partition) {
        return SqlCall.of(
                connection, statements.with(Map.of("partition", partition)).template(statement));
    }

    /** Returns a call of a statement that names neither mapped tables nor the roll-ups' schema. */
    static SqlCall callWithoutNames(Connection connection, String statement) {
        return SqlCall.of(connection, WITHOUT_NAMES.template(statement));
    }

    /** Returns a call of the statement whether there are retained sums in a schema that this role may read. */
    static SqlCall hasRetained(Connection connection, String schema) {
        return SqlCall.of(
                connection, WITHOUT_NAMES.template("has-retained", Map.of("rollups", Identifiers.quote(schema))));
    }

    /** Returns a call of the statement that returns the common type of nulls of several types. */
    static SqlCall commonType(Connection connection, String nulls) {
        return SqlCall.of(connection, WITHOUT_NAMES.template("common-type", Map.of("nulls", nulls)));
    }

    /** Returns the fragments in place of those that find missing projects; none if they are to be found. */
    Map<String, String> missing() {
        return missing;
    }

    /** Returns the combined query with the sums of rows that retention has deleted. */
    CombinedQuery combined(ProjectScope projects) {
        return combined(projects, counting(projects), missing);
    }

    /** Returns the same for retained sums of an older version, which knows neither rows without octets nor organisations. */
    CombinedQuery combinedWithOlderRetained(ProjectScope projects) {
        return combined(projects, counting(projects).with(Map.of("retained.lost_sizes", "0::bigint")), NONE_MISSING);
    }

    /** Returns fragments and others, which go first. */
    static Map<String, String> with(Map<String, String> fragments, Map<String, String> more) {
        Map<String, String> all = new HashMap<>(fragments);
        all.putAll(more);
        return all;
    }

    private CombinedQuery combined(ProjectScope projects, SqlStatements counting, Map<String, String> absent) {
        return CombinedQuery.withRetained(
                shape,
                projects,
                texts -> counting.template("combined-figure", with(texts, absent)),
                texts -> counting.template("combined-figures-and-retained", with(texts, absent)));
    }

    /**
     * Returns the statement of the sums by project and slice.
     *
     * @param organisations {@link #OF_ONE}, that of {@code :organisation_id}, or {@link #OF_ALL}
     * @param isNear whether events are looked up in the partitions near the window only
     * @param shipped {@link FeedNames#LEAVING_SHIPPED_OF_SLICES}, or none
     */
    SqlTemplate series(
            ProjectScope projects, Map<String, String> organisations, boolean isNear, Map<String, String> shipped) {
        return counting(projects)
                .template("series", with(with(seriesFragments(organisations, isNear), shipped), missing));
    }

    /** Returns the fragments of that statement, by their names. */
    static Map<String, String> seriesFragments(Map<String, String> organisations, boolean isNear) {
        return with(
                Map.of(
                        "events-near", isNear ? "{event-is-near}" : "",
                        "late-hours", isNear ? "" : "{hours-of-late-events-by-slice}"),
                organisations);
    }

    /** Returns the statements with the condition of projects that count. */
    SqlStatements counting(ProjectScope projects) {
        return statements.with(Map.of("project.counts", MappedNames.counts(shape, projects)));
    }

    /** Returns the script that creates the schema. */
    static String schemaScript(String schema) {
        return SqlTemplate.fill(
                SqlTemplate.resource("rollups/schema-create.sql"), Map.of("rollups", Identifiers.quote(schema)));
    }

    /**
     * Returns the script that creates tables and functions in the schema, with its comments.
     *
     * @param serverVersion the major version of PostgreSQL
     */
    String tablesScript(IdTypes types, int serverVersion) {
        Map<String, String> all = scriptNames(serverVersion);
        all.put("project_id_type", types.projectId().definition());
        all.put("event_id_type", types.eventId().definition());
        all.put("operators", types.operators());
        all.put("check_operators", types.checkOperators());
        return SqlTemplate.fill(SqlTemplate.resource("rollups/schema-V4.sql"), all);
    }

    /**
     * Returns the script that creates the triggers on the host's tables, with its comments.
     *
     * @param serverVersion the major version of PostgreSQL
     */
    String triggersScript(int serverVersion) {
        return SqlTemplate.fill(SqlTemplate.resource("rollups/schema-V4-triggers.sql"), scriptNames(serverVersion));
    }

    private Map<String, String> scriptNames(int serverVersion) {
        Map<String, String> all = new HashMap<>(names);
        all.putAll(MappedNames.guards(shape, String.valueOf(names.get("mark_before")), serverVersion));
        all.put("delivery.has_same_row", MappedNames.haveSameImage(deliveryColumns()));
        all.putAll(TriggerFragments.of(names, schema));
        all.put("truncate_name", Identifiers.literal(triggerName("truncate")));
        all.put("function_names", Identifiers.literals(FUNCTIONS));
        TRIGGERS.forEach(trigger -> all.put("trigger." + trigger, Identifiers.quote(triggerName(trigger))));
        all.put(
                "trigger_names",
                Identifiers.literals(TRIGGERS.stream().map(this::triggerName).toList()));
        all.put("events.columns", Identifiers.literals(eventColumns()));
        all.put("deliveries.columns", Identifiers.literals(deliveryColumns()));
        return all;
    }

    /** Returns the mapped columns of events. */
    List<String> eventColumns() {
        List<String> columns =
                new ArrayList<>(List.of(mapping.eventId(), mapping.eventProjectId(), mapping.eventCreatedAt()));
        mapping.eventDeletedAt().ifPresent(columns::add);
        mapping.storedBytes().ifPresent(columns::add);
        columns.addAll(mapping.payloadStoredBytes().values());
        columns.addAll(mapping.payload());
        return columns;
    }

    /** Returns the mapped columns of deliveries. */
    List<String> deliveryColumns() {
        List<String> columns = new ArrayList<>(List.of(
                mapping.deliveryEventId(),
                mapping.deliveryProjectId(),
                mapping.deliveryCreatedAt(),
                mapping.deliveryStatus()));
        mapping.deliveryStoredBytes().ifPresent(columns::add);
        return columns;
    }

    /** Returns the script that adds to retained sums of an older version what they lack. */
    String upgradeRetainedScript() {
        return statements.script("upgrade-retained", Map.of());
    }

    /** Returns the script that moves the table of retained sums out of another schema into this one. */
    String takeRetainedScript(String other) {
        return statements.script("take-retained", Map.of("other", Identifiers.quote(other)));
    }

    /** Returns the script that adds the retained sums in another schema to these. */
    String addRetainedScript(String other) {
        return statements.script("add-retained", Map.of("other", Identifiers.quote(other)));
    }

    /** Returns the script that gives the ids in a column of retained sums another type, as {@code convert-retained} or another one does. */
    String convertScript(String script, String column, IdTypes.IdType type) {
        return statements.script(
                script, Map.of("column", column, "type", type.type(), "definition", type.definition()));
    }

    /** Returns the script that adds to retained sums the columns of deleted events and of organisations, if they lack them. */
    String addSamplesScript(IdTypes.IdType eventId) {
        return statements.script("add-samples", Map.of("definition", eventId.definition()));
    }

    /** Returns a call of the statement that says why retained sums may not fit the tables, for an organisation or for all. */
    SqlCall doubt(Connection connection, Optional<String> organisationId) throws SQLException {
        Map<String, String> fragments = new HashMap<>(samples(connection));
        fragments.put("organisation.retained", organisationId.isPresent() ? RETAINED_OF_ONE : ALL_ORGANISATIONS);
        SqlCall call = SqlCall.of(connection, statements.template("doubt", fragments));
        return organisationId.map(id -> call.text("organisation_id", id)).orElse(call);
    }

    /** Returns the ids of deleted events if they can be compared with those of the tables, which may be of another type since. */
    Map<String, String> samples(Connection connection) throws SQLException {
        boolean areComparable = call(connection, "are-samples-comparable")
                .text("retained", Identifiers.qualified(schema, RETAINED))
                .text("event_id", mapping.eventId())
                .text("delivery_event_id", mapping.deliveryEventId())
                .answer();
        return areComparable ? SAMPLES : NO_SAMPLES;
    }

    /** Returns the script that records which partitions have that trigger. */
    String recordGuardedPartitionsScript() {
        return "\n" + statements.script("record-guarded-partitions") + ";\n";
    }

    /** Returns the script that creates the trigger of one partition, qualified and quoted, with its comments. */
    String createPartitionScript(String partition) {
        return SqlTemplate.fill(
                SqlTemplate.resource("rollups/schema-partition.sql"),
                Map.of(
                        "rollups",
                        Identifiers.quote(schema),
                        "trigger.truncate",
                        Identifiers.quote(triggerName("truncate")),
                        "partition",
                        partition));
    }

    /**
     * Returns the name of a trigger on the host's tables. It carries a digest of the roll-ups' schema, so that the tables can have
     * the triggers of several mappings.
     */
    String triggerName(String event) {
        CRC32 digest = new CRC32();
        digest.update(schema.getBytes(StandardCharsets.UTF_8));
        return String.format(Locale.ROOT, "usagekit_%s_%08x", event, digest.getValue());
    }
}
