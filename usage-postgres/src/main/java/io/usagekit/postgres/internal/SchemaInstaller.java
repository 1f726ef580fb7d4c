package io.usagekit.postgres.internal;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import javax.sql.DataSource;

/** Creates the schema, tables, columns and indexes that are missing. */
public final class SchemaInstaller {

    private static final SqlStatements CATALOG = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());

    private static final Duration LOOK_UP_TIMEOUT = Duration.ofMinutes(1);

    private final Jdbc jdbc;

    public SchemaInstaller(DataSource dataSource) {
        this.jdbc = new Jdbc(dataSource);
    }

    /** Creates the library's own tables and their indexes. */
    public void createTables(TableMapping mapping) {
        try {
            Installation.run(jdbc, mapping.schema(), installation -> {
                createMissing(
                        installation, mapping.schema(), List.of(IndexDdl.script(mapping)), IndexDdl.indexes(mapping));
                return mapping;
            });
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the tables can't be created", e);
        }
    }

    /** Creates the indexes of the combined query. */
    public void createIndexes(TableMapping mapping) {
        try {
            Installation.run(jdbc, mapping.schema(), installation -> {
                TableShape shape = TableShape.readForStorage(installation.connection(), mapping);
                IndexBuilder.build(installation, mapping.schema(), IndexDdl.indexes(shape.mapping()));
                return mapping;
            });
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the indexes can't be created", e);
        }
    }

    /** Reads which indexes of the combined query exist. */
    public List<IndexStatus> indexes(TableMapping mapping) {
        return lookUp(
                mapping,
                shape -> connection ->
                        IndexBuilder.statuses(connection, mapping.schema(), IndexDdl.indexes(shape.mapping())));
    }

    /** Returns the statements that create the indexes of the combined query on these tables. */
    public String indexScript(TableMapping mapping) {
        return lookUp(
                mapping,
                shape -> connection ->
                        IndexBuilder.script(connection, mapping.schema(), IndexDdl.indexes(shape.mapping())));
    }

    private <T> T lookUp(TableMapping mapping, Function<TableShape, Jdbc.Work<T>> work) {
        try {
            return jdbc.transaction(Jdbc.Mode.READ_ONLY, LOOK_UP_TIMEOUT, connection -> {
                TableShape shape = TableShape.readForStorage(connection, mapping);
                return work.apply(shape).run(connection);
            });
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the indexes can't be looked up", e);
        }
    }

    /**
     * Creates what is missing: schema, tables and columns in one transaction, with the indexes of the tables that it creates; then the
     * indexes of other tables, without blocking writes.
     *
     * @param indexes besides those of the scripts
     */
    public static void createMissing(
            Installation installation, String schema, List<SchemaScript> scripts, List<Index> indexes)
            throws SQLException {
        if (missing(installation.connection(), schema, scripts).isEmpty()) {
            buildMissing(installation, schema, scripts, indexes);
            return;
        }
        installation.change("the tables in the schema " + Identifiers.quote(schema), connection -> {
            createSchema(connection, schema);
            List<SchemaScript.Statement> missing = missing(connection, schema, scripts);
            Set<String> created = tables(missing, statement -> statement.kind() == SchemaScript.Kind.TABLE);
            lockExisting(installation.locks(), connection, schema, missing, created);
            for (SchemaScript.Statement statement : missing) {
                Jdbc.execute(connection, statement.sql());
            }
            for (Index index : all(scripts, indexes)) {
                if (created.contains(index.table())) {
                    Jdbc.execute(connection, index.create(schema, index.table(), Index.BLOCKING, ""));
                }
            }
            return created;
        });
        buildMissing(installation, schema, scripts, indexes);
    }

    /** Returns whether the tables and columns of the scripts exist. */
    public static boolean isComplete(Connection connection, String schema, List<SchemaScript> scripts)
            throws SQLException {
        return missing(connection, schema, scripts).isEmpty();
    }

    /**
     * Checks that the tables which exist have the columns of the scripts with which they are created, and that those and the ones which a
     * script adds to a table have the type that it declares, are nullable or generated where it says so, and have a default value where it
     * gives one.
     *
     * @throws UsageStorageException if they don't
     */
    public static void checkColumns(Connection connection, String schema, List<SchemaScript> scripts)
            throws SQLException {
        List<String> unfit = new ArrayList<>();
        for (SchemaScript script : scripts) {
            for (SchemaScript.Statement statement : script.statements()) {
                if (statement.columns().isEmpty()) {
                    continue;
                }
                String table = Identifiers.qualified(schema, statement.table());
                Map<String, TableShape.Column> known = TableShape.columns(connection, table);
                for (SchemaScript.Column column : statement.columns()) {
                    TableShape.Column found = known.get(column.name());
                    boolean isAbsent = known.isEmpty() || statement.kind() == SchemaScript.Kind.COLUMN;
                    if (found == null ? !isAbsent : !fits(found, column)) {
                        unfit.add(table + "." + Identifiers.quote(column.name()) + " must be " + column.declaration()
                                + ", but is " + (found == null ? "missing" : inWords(found)));
                    }
                }
            }
        }
        if (!unfit.isEmpty()) {
            throw UsageStorageException.permanent(
                    "columns aren't as the library needs them: " + String.join("; ", unfit)
                            + "; alter them, or rename those that are of another purpose",
                    null);
        }
    }

    private static boolean fits(TableShape.Column found, SchemaScript.Column needed) {
        return found.type().equals(needed.type())
                && (found.inView()
                        || (found.nullable() == needed.isNullable()
                                && found.generated() == needed.isGenerated()
                                && !(needed.hasDefault() && found.defaultValue().isEmpty())));
    }

    private static String inWords(TableShape.Column column) {
        return column.type()
                + (column.nullable() ? "" : " not null")
                + (column.generated() ? " generated" : "")
                + (column.defaultValue().isEmpty() ? "" : " default " + column.defaultValue());
    }

    private static void buildMissing(
            Installation installation, String schema, List<SchemaScript> scripts, List<Index> indexes)
            throws SQLException {
        IndexBuilder.build(installation, schema, all(scripts, indexes));
    }

    private static List<Index> all(List<SchemaScript> scripts, List<Index> indexes) {
        List<Index> all = new ArrayList<>();
        scripts.forEach(script -> all.addAll(script.indexes()));
        all.addAll(indexes);
        return all;
    }

    /** Returns the statements of the scripts whose table or column is missing, in their order. */
    private static List<SchemaScript.Statement> missing(
            Connection connection, String schema, List<SchemaScript> scripts) throws SQLException {
        Map<String, Map<String, TableShape.Column>> columns = new LinkedHashMap<>();
        List<SchemaScript.Statement> missing = new ArrayList<>();
        for (SchemaScript script : scripts) {
            for (SchemaScript.Statement statement : script.statements()) {
                Map<String, TableShape.Column> known = columns.get(statement.table());
                if (known == null) {
                    known = TableShape.columns(connection, Identifiers.qualified(schema, statement.table()));
                    columns.put(statement.table(), known);
                }
                boolean isMissing = switch (statement.kind()) {
                    case SEQUENCE, TABLE -> known.isEmpty();
                    case COLUMN -> !known.containsKey(statement.name());
                    case INDEX -> false;
                };
                if (isMissing) {
                    missing.add(statement);
                }
            }
        }
        return missing;
    }

    /** Locks the tables that exist already and are changed or referred to: each at once as strongly as it will be. */
    private static void lockExisting(
            LockRetrier locks,
            Connection connection,
            String schema,
            List<SchemaScript.Statement> missing,
            Set<String> created)
            throws SQLException {
        Set<String> altered = tables(missing, statement -> statement.kind() == SchemaScript.Kind.COLUMN);
        altered.removeAll(created);
        Set<String> referred = new TreeSet<>();
        missing.forEach(statement -> referred.addAll(statement.references()));
        referred.removeAll(created);
        referred.removeAll(altered);
        Map<String, String> modes = new LinkedHashMap<>();
        put(modes, schema, altered, "access exclusive");
        put(modes, schema, referred, "share row exclusive");
        locks.lock(connection, modes);
    }

    private static void put(Map<String, String> modes, String schema, Set<String> tables, String mode) {
        if (!tables.isEmpty()) {
            modes.put(
                    String.join(
                            ", ",
                            tables.stream()
                                    .map(table -> Identifiers.qualified(schema, table))
                                    .toList()),
                    mode);
        }
    }

    private static Set<String> tables(
            List<SchemaScript.Statement> statements, Predicate<SchemaScript.Statement> condition) {
        Set<String> tables = new LinkedHashSet<>();
        statements.stream().filter(condition).map(SchemaScript.Statement::table).forEach(tables::add);
        return tables;
    }

    /**
     * Creates a schema if it is missing. {@code create schema if not exists} would need CREATE on the database in any case.
     *
     * @throws UsageStorageException if it is missing and this role can't create it
     */
    public static void createSchema(Connection connection, String schema) throws SQLException {
        String quoted = Identifiers.quote(schema);
        if (schemaExists(connection, schema)) {
            return;
        }
        SqlCall.of(connection, CATALOG.template("database")).forEach(row -> {
            if (!row.flag("may_create")) {
                throw UsageStorageException.permanent(
                        "the schema " + quoted + " is missing, and this role lacks CREATE on the database "
                                + row.text("database") + "; let a role that has it run: create schema " + quoted
                                + " authorization " + row.text("role"),
                        null);
            }
        });
        Jdbc.execute(connection, CATALOG.script("create-schema", Map.of("schema", quoted)));
    }

    /** Drops a schema with all that is in it, if this role may; it stays, empty, if this role couldn't create it again. */
    public static void dropSchema(Connection connection, String schema) throws SQLException {
        if (isReplaceable(connection, schema)) {
            Jdbc.execute(connection, CATALOG.script("drop-schema", Map.of("schema", Identifiers.quote(schema))));
        } else {
            emptySchema(connection, schema, List.of());
        }
    }

    /** Whether this role may drop a schema and could create it again. */
    public static boolean isReplaceable(Connection connection, String schema) throws SQLException {
        return SqlCall.of(connection, CATALOG.template("is-schema-replaceable"))
                .text("schema", schema)
                .answer();
    }

    /**
     * Drops the functions in a schema, with the triggers that call them, its tables and its sequences.
     *
     * @param kept names of tables that stay
     */
    public static void emptySchema(Connection connection, String schema, List<String> kept) throws SQLException {
        List<String> statements = SqlCall.of(connection, CATALOG.template("drop-statements"))
                .text("schema", schema)
                .texts("kept", kept)
                .list(row -> row.text("statement"));
        for (String statement : statements) {
            Jdbc.execute(connection, statement);
        }
    }

    /** Whether there is such a schema. */
    public static boolean schemaExists(Connection connection, String schema) throws SQLException {
        return SqlCall.of(connection, CATALOG.template("schema-exists"))
                .text("schema", Identifiers.quote(schema))
                .answer();
    }
}
