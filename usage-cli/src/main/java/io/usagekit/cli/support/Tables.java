package io.usagekit.cli.support;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The three tables of a schema, as SQL names them; they are called the same in the library's own schema and a gateway's. */
public record Tables(String projects, String events, String deliveries) {

    public static Tables of(String schema) {
        return new Tables(quote(schema) + ".projects", quote(schema) + ".events", quote(schema) + ".event_deliveries");
    }

    private static String quote(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }

    /** Whether the table of events says what type an event is of. */
    public boolean hasEventType(Connection connection) throws SQLException {
        String sql = "select exists (select from pg_catalog.pg_attribute"
                + " where attrelid = to_regclass(?) and attname = 'event_type' and not attisdropped)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, events);
            return single(statement);
        }
    }

    /** Whether there is a table of events with anything in it. */
    public boolean holdEvents(Connection connection) throws SQLException {
        try (PreparedStatement there = connection.prepareStatement("select to_regclass(?) is not null")) {
            there.setString(1, events);
            if (!single(there)) {
                return false;
            }
        }
        try (PreparedStatement any = connection.prepareStatement("select exists (select from " + events + ")")) {
            return single(any);
        }
    }

    /** How much disk the tables take, indexes and all. */
    public long octetsOnDisk(Connection connection) throws SQLException {
        String sql = "select sum(pg_total_relation_size(t::regclass)) from unnest(?::text[]) t";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setArray(1, connection.createArrayOf("text", new String[] {projects, events, deliveries}));
            try (ResultSet row = statement.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }
    }

    private static boolean single(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getBoolean(1);
        }
    }
}
