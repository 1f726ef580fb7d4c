package io.usagekit.postgres.partitions;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The statements of the rebuild of one table, and what things are called in it. Not thread-safe. */
public final class RewriteSql {

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
    private final String partitions;
    private final Map<String, String> pieces = new HashMap<>();
    private final Map<String, String> mutated = new HashMap<>();

    RewriteSql(TableMapping mapping, Role role, String partitionsSchema) {
        this.role = role;
        this.schema = mapping.schema();
        this.name = role == Role.EVENTS ? mapping.events() : mapping.deliveries();
        this.createdAt = role == Role.EVENTS ? mapping.eventCreatedAt() : mapping.deliveryCreatedAt();
        this.partitions = partitionsSchema;
        pieces.put("partitions", partitions());
        pieces.put("table", table());
        pieces.put("shadow", shadow());
        pieces.put("name", Identifiers.literal(name));
        pieces.put("notes", Identifiers.qualified(partitionsSchema, "notes_" + role.key()));
        pieces.put("note", Identifiers.qualified(partitionsSchema, "note_" + role.key()));
        pieces.put("created_at", createdAt());
        for (String trigger : List.of("note", "truncate", "snapshot")) {
            pieces.put("trigger." + trigger, Identifiers.quote("usagekit_rebuild_" + trigger));
        }
    }

    /** Once the table is known: its key and that one's type, its columns; as SQL writes them. */
    void describe(String key, String keyType, List<String> columns) {
        pieces.put("key", key);
        pieces.put("key.type", keyType);
        pieces.put("columns", String.join(", ", columns));
    }

    /** For tests: other words in one statement. */
    void mutate(String resource, String before, String after) {
        String text = SqlTemplate.resource(resource);
        if (!text.contains(before)) {
            throw new IllegalArgumentException(resource + " doesn't contain \"" + before + "\"");
        }
        mutated.put(resource, text.replace(before, after));
    }

    Role role() {
        return role;
    }

    String schema() {
        return schema;
    }

    /** The table's name as it is; all others are quoted. */
    String name() {
        return name;
    }

    String table() {
        return Identifiers.qualified(schema, name);
    }

    /** What the copy is called until it takes the table's place. */
    String shadowName() {
        return Index.named(name, "_usagekit_new");
    }

    String shadow() {
        return Identifiers.qualified(schema, shadowName());
    }

    /** What the table is called once the copy has taken its place. */
    String oldName() {
        return Index.named(name, "_usagekit_old");
    }

    String old() {
        return Identifiers.qualified(schema, oldName());
    }

    String createdAt() {
        return Identifiers.quote(createdAt);
    }

    String createdAtName() {
        return createdAt;
    }

    /** The schema of what is known of partitioned tables, quoted. */
    String partitions() {
        return Identifiers.quote(partitions);
    }

    String piece(String piece) {
        return String.valueOf(pieces.get(piece));
    }

    private String text(String resource) {
        String text = mutated.get(resource);
        return text == null ? SqlTemplate.resource(resource) : text;
    }

    SqlTemplate statement(String resource) {
        return SqlTemplate.of(text(resource), pieces);
    }

    /** The copy of the next rows: from the beginning, or behind a position. */
    SqlTemplate copy(Optional<String> position) {
        String after = position.isPresent() ? "where l.{key} > :position" : "";
        return SqlTemplate.of(text("rebuild-copy.sql").replace("{after}", after), pieces);
    }

    /** Statements without parameters, as they are sent. */
    String script(String resource, Map<String, String> more) {
        Map<String, String> all = new HashMap<>(pieces);
        all.putAll(more);
        return SqlTemplate.withoutComments(SqlTemplate.fill(text(resource), all));
    }

    /** One column of all rows, as text. */
    List<String> texts(Connection connection, String resource, Map<String, ?> values, String column)
            throws SQLException {
        List<String> texts = new ArrayList<>();
        try (PreparedStatement statement = statement(resource).prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                texts.add(row.getString(column));
            }
        }
        return texts;
    }

    void execute(Connection connection, String resource, Map<String, ?> values) throws SQLException {
        try (PreparedStatement statement = statement(resource).prepare(connection, values)) {
            statement.execute();
        }
    }

    public static void run(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static boolean exists(Connection connection, String relation) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select to_regclass(?) is not null")) {
            statement.setString(1, relation);
            try (ResultSet row = statement.executeQuery()) {
                return row.next() && row.getBoolean(1);
            }
        }
    }
}
