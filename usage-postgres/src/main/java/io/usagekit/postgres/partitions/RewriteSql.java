package io.usagekit.postgres.partitions;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The statements of one table's rewrite, and the names of the objects in them. Not thread-safe. */
final class RewriteSql {

    /** The files of the statements. */
    static final SqlSource FILES = SqlFiles.of(
            "partitions/schema.sql",
            "partitions/catalog.sql",
            "partitions/obstacles.sql",
            "partitions/copy.sql",
            "partitions/cutover.sql",
            "partitions/foreign-keys.sql");

    /** Which of the mapped tables. */
    enum Role {
        EVENTS,
        DELIVERIES;

        String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private final Role role;
    private final String schema;
    private final String name;
    private final String createdAt;
    private final String stateSchema;
    private SqlStatements statements;
    private Map<String, String> described = Map.of();

    /**
     * The statements for one of the mapped tables.
     *
     * @param stateSchema in which the state of rewrites is kept, unquoted
     */
    RewriteSql(TableMapping mapping, Role role, String stateSchema, SqlSource source) {
        this.role = role;
        this.schema = mapping.schema();
        this.name = role == Role.EVENTS ? mapping.events() : mapping.deliveries();
        this.createdAt = role == Role.EVENTS ? mapping.eventCreatedAt() : mapping.deliveryCreatedAt();
        this.stateSchema = stateSchema;
        Map<String, String> names = new HashMap<>();
        names.put("partitions", stateSchema());
        names.put("table", table());
        names.put("shadow", shadow());
        names.put("name", Identifiers.literal(name));
        names.put("change_log", Identifiers.qualified(stateSchema, "notes_" + role.key()));
        names.put("log_change", Identifiers.qualified(stateSchema, "note_" + role.key()));
        names.put("created_at", createdAt());
        names.put("trigger.change_log", Identifiers.quote("usagekit_rebuild_note"));
        names.put("trigger.truncate", Identifiers.quote("usagekit_rebuild_truncate"));
        names.put("trigger.snapshot", Identifiers.quote("usagekit_rebuild_snapshot"));
        this.statements = SqlStatements.of(source, names);
    }

    /**
     * Sets the names that depend on the table's definition, as SQL writes them. Compiled statements are kept unless a name changes.
     */
    void describe(String key, String keyType, List<String> columns) {
        Map<String, String> names = Map.of("key", key, "key.type", keyType, "columns", String.join(", ", columns));
        if (!names.equals(described)) {
            described = names;
            statements = statements.with(names);
        }
    }

    Role role() {
        return role;
    }

    /** The schema of the table, unquoted. */
    String schema() {
        return schema;
    }

    /** The name of the table, unquoted. */
    String name() {
        return name;
    }

    /** The table, qualified and quoted. */
    String table() {
        return Identifiers.qualified(schema, name);
    }

    /** The shadow table, qualified and quoted. */
    String shadow() {
        return Identifiers.qualified(schema, Index.named(name, "_usagekit_new"));
    }

    /** The name that the table has after the cut-over, unquoted. */
    String oldName() {
        return Index.named(name, "_usagekit_old");
    }

    /** The table under the name that it has after the cut-over, qualified and quoted. */
    String old() {
        return Identifiers.qualified(schema, oldName());
    }

    /** The column of the partitions' time, quoted. */
    String createdAt() {
        return Identifiers.quote(createdAt);
    }

    /** The column of the partitions' time, unquoted. */
    String createdAtName() {
        return createdAt;
    }

    /** The schema in which the state of rewrites is kept, quoted. */
    String stateSchema() {
        return Identifiers.quote(stateSchema);
    }

    /** The schema in which the state of rewrites is kept, unquoted. */
    String stateSchemaName() {
        return stateSchema;
    }

    SqlStatements statements() {
        return statements;
    }

    /** The name of an object as it stands in the statements. */
    String name(String object) {
        return statements.name(object);
    }

    /** Starts a call of a statement. */
    SqlCall call(Connection connection, String statement) {
        return SqlCall.of(connection, statements.template(statement));
    }

    /** Starts a call of the statement that copies the next rows: from the first one, or after a position. */
    SqlCall copyRows(Connection connection, Optional<String> position) {
        String after = position.isPresent() ? "{after-position}" : "";
        SqlCall call = SqlCall.of(connection, statements.template("copy-rows", Map.of("after", after)));
        position.ifPresent(key -> call.text("position", key));
        return call;
    }

    /** Starts a call of a statement about one partition, quoted. */
    SqlCall callOn(Connection connection, String statement, String partition) {
        SqlStatements onPartition = statements.with(Map.of("partition", partition));
        return SqlCall.of(connection, onPartition.template(statement));
    }

    /** Returns a text column of all rows of a statement whose only parameter is the table. */
    List<String> list(Connection connection, String statement, String column) throws SQLException {
        return call(connection, statement).text("table", table()).list(row -> row.text(column));
    }

    /** Runs a script, with these names besides those of the table. */
    void runScript(Connection connection, String script, Map<String, String> names) throws SQLException {
        Jdbc.execute(connection, statements.script(script, names));
    }

    /** Whether a relation, qualified and quoted, exists. */
    boolean exists(Connection connection, String relation) throws SQLException {
        return call(connection, "relation-exists").text("relation", relation).answer();
    }
}
