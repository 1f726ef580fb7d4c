package io.usagekit.postgres.internal;

import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The row that a result stands on, read under the names and types that its statement declares. */
public record SqlRow(ResultSet result, Map<String, SqlType> columns) {

    public String text(String name) throws SQLException {
        return optionalText(name).orElseThrow(() -> isNull(name));
    }

    public Optional<String> optionalText(String name) throws SQLException {
        return Optional.ofNullable(result.getString(declared(name, SqlType.TEXT)));
    }

    public List<String> texts(String name) throws SQLException {
        Array array = result.getArray(declared(name, SqlType.TEXTS));
        return List.of((String[]) array.getArray());
    }

    public byte[] bytes(String name) throws SQLException {
        return result.getBytes(declared(name, SqlType.BYTES));
    }

    public long number(String name) throws SQLException {
        return result.getLong(declared(name, SqlType.NUMBER));
    }

    public boolean flag(String name) throws SQLException {
        return result.getBoolean(declared(name, SqlType.FLAG));
    }

    public Instant instant(String name) throws SQLException {
        return optionalInstant(name).orElseThrow(() -> isNull(name));
    }

    public Optional<Instant> optionalInstant(String name) throws SQLException {
        return Optional.ofNullable(result.getObject(declared(name, SqlType.INSTANT), OffsetDateTime.class))
                .map(OffsetDateTime::toInstant);
    }

    private String declared(String name, SqlType type) {
        if (columns.get(name) != type) {
            throw new IllegalArgumentException(name + " is read as " + type + ", but declared as " + columns.get(name));
        }
        return name;
    }

    private static IllegalStateException isNull(String name) {
        return new IllegalStateException("the column " + name + " is null");
    }
}
