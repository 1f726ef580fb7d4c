package io.usagekit.postgres.internal;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A script that creates sequences, tables, columns and indexes where they are missing, and what each of its statements creates: so an installer can
 * run only those whose object is missing, with the locks that they need. Immutable.
 *
 * @param statements in the order of the script
 */
public record SchemaScript(List<Statement> statements) {

    /** What a statement creates. */
    public enum Kind {
        SEQUENCE,
        TABLE,
        COLUMN,
        INDEX
    }

    /**
     * A statement of the script.
     *
     * @param table that it creates or changes, or the sequence, not quoted
     * @param name of the column or index, not quoted; empty for a table or sequence
     * @param definition of the index, as {@code CREATE INDEX} has it after the table's name; empty for others
     * @param columns that it creates
     * @param references the tables that its foreign keys refer to, not quoted
     * @param sql as it is run
     */
    public record Statement(
            Kind kind,
            String table,
            String name,
            String definition,
            List<Column> columns,
            Set<String> references,
            String sql) {

        /** Returns the index that it creates. */
        Index index() {
            return new Index(table, definition, name);
        }
    }

    /**
     * A column that a statement creates.
     *
     * @param name not quoted
     * @param declaration its type and constraints, without references
     */
    public record Column(String name, String declaration) {

        private static final Pattern TYPE = Pattern.compile("[a-z]+(\\[])?");

        /** Returns its type as PostgreSQL writes it. */
        String type() {
            Matcher type = TYPE.matcher(declaration);
            if (!type.lookingAt()) {
                throw new IllegalStateException("the column " + name + " has no type: " + declaration);
            }
            return type.group().equals("timestamptz") ? "timestamp with time zone" : type.group();
        }

        boolean isNullable() {
            return !declaration.contains(" not null") && !declaration.contains(" primary key");
        }

        boolean isGenerated() {
            return declaration.contains(" generated always as ");
        }

        boolean hasDefault() {
            return declaration.contains(" default ");
        }
    }

    private static final Pattern END = Pattern.compile(";\\s*");
    private static final Pattern CREATE_SEQUENCE = Pattern.compile("create sequence if not exists \\{([a-z_]+)}");
    private static final Pattern CREATE_TABLE =
            Pattern.compile("create (?:unlogged )?table if not exists \\{([a-z_]+)} \\(.*");
    private static final Pattern ADD_COLUMN =
            Pattern.compile("alter table \\{([a-z_]+)} add column if not exists (([a-z_]+) .*)");
    private static final Pattern CREATE_INDEX =
            Pattern.compile("create index if not exists ([a-z_]+) on \\{([a-z_]+)} (.*)");
    /** A line that declares a column of a table that is created; other lines declare constraints. */
    private static final Pattern COLUMN =
            Pattern.compile("^    (?!primary key |check |unique )([a-z_]+ .*?),?$", Pattern.MULTILINE);

    private static final Pattern REFERENCES = Pattern.compile("\\breferences \\{([a-z_]+)}");

    public SchemaScript {
        statements = List.copyOf(statements);
    }

    /**
     * Reads a script.
     *
     * @param text with tables as <code>{events}</code>
     * @param schema of the tables, not quoted
     * @param tables names, not quoted, by those that the text has for them
     * @throws IllegalStateException if a statement isn't of a form whose object can be looked up
     */
    public static SchemaScript of(String text, String schema, Map<String, String> tables) {
        List<Statement> statements = new ArrayList<>();
        END.splitAsStream(SqlTemplate.withoutComments(text))
                .forEach(statement -> statements.add(
                        parse(statement, tables, SqlTemplate.fill(statement, qualified(schema, tables)))));
        return new SchemaScript(statements);
    }

    /** Returns the tables as they stand in a script, qualified and quoted, by the names that the script has for them. */
    public static Map<String, String> qualified(String schema, Map<String, String> tables) {
        return tables.entrySet().stream()
                .collect(Collectors.toMap(Map.Entry::getKey, table -> Identifiers.qualified(schema, table.getValue())));
    }

    private static Statement parse(String statement, Map<String, String> tables, String sql) {
        String line = statement.replaceAll("\\s+", " ").strip();
        Set<String> references = new LinkedHashSet<>();
        REFERENCES.matcher(line).results().forEach(found -> references.add(name(tables, found.group(1))));
        Matcher sequence = CREATE_SEQUENCE.matcher(line);
        if (sequence.matches()) {
            return new Statement(Kind.SEQUENCE, name(tables, sequence.group(1)), "", "", List.of(), references, sql);
        }
        Matcher table = CREATE_TABLE.matcher(line);
        if (table.matches()) {
            List<Column> columns = COLUMN.matcher(statement)
                    .results()
                    .map(found -> column(found.group(1)))
                    .toList();
            return new Statement(Kind.TABLE, name(tables, table.group(1)), "", "", columns, references, sql);
        }
        Matcher column = ADD_COLUMN.matcher(line);
        if (column.matches()) {
            Column added = column(column.group(2));
            return new Statement(
                    Kind.COLUMN, name(tables, column.group(1)), added.name(), "", List.of(added), references, sql);
        }
        Matcher index = CREATE_INDEX.matcher(line);
        if (index.matches()) {
            return new Statement(
                    Kind.INDEX,
                    name(tables, index.group(2)),
                    index.group(1),
                    index.group(3),
                    List.of(),
                    references,
                    sql);
        }
        throw new IllegalStateException("the object of this statement can't be looked up: " + line);
    }

    private static Column column(String text) {
        String[] nameAndRest = text.split(" ", 2);
        return new Column(nameAndRest[0], nameAndRest[1].replaceFirst(" references .*", ""));
    }

    private static String name(Map<String, String> tables, String key) {
        String name = tables.get(key);
        if (name == null) {
            throw new IllegalStateException("nothing is given for {" + key + "}");
        }
        return name;
    }

    /** Returns the indexes of the script, to be built without blocking writes where a table exists without them. */
    public List<Index> indexes() {
        return statements.stream()
                .filter(statement -> statement.kind() == Kind.INDEX)
                .map(Statement::index)
                .toList();
    }
}
