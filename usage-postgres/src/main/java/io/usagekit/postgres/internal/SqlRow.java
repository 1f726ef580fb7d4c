package io.usagekit.postgres.internal;

import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;

/** The row that a result stands on. Where the statement has a signature, only what it declares can be read. */
public final class SqlRow {

    private final ResultSet result;
    private final Optional<SqlSignature> signature;

    SqlRow(ResultSet result, Optional<SqlSignature> signature) {
        this.result = result;
        this.signature = signature;
    }

    public String text(String name) throws SQLException {
        return optionalText(name).orElseThrow(() -> isNull(name));
    }

    public Optional<String> optionalText(String name) throws SQLException {
        return Optional.ofNullable(result.getString(checked(name, SqlType.TEXT)));
    }

    public List<String> texts(String name) throws SQLException {
        Array array = result.getArray(checked(name, SqlType.TEXTS));
        return List.of((String[]) array.getArray());
    }

    public byte[] bytes(String name) throws SQLException {
        return result.getBytes(checked(name, SqlType.BYTES));
    }

    /** A whole number; 0 for null. */
    public long number(String name) throws SQLException {
        return result.getLong(checked(name, SqlType.NUMBER));
    }

    /** A boolean; false for null. */
    public boolean flag(String name) throws SQLException {
        return result.getBoolean(checked(name, SqlType.FLAG));
    }

    public Instant instant(String name) throws SQLException {
        return optionalInstant(name).orElseThrow(() -> isNull(name));
    }

    public Optional<Instant> optionalInstant(String name) throws SQLException {
        return Optional.ofNullable(result.getObject(checked(name, SqlType.INSTANT), OffsetDateTime.class))
                .map(OffsetDateTime::toInstant);
    }

    private String checked(String name, SqlType type) {
        if (signature.isPresent()) {
            signature.get().checkColumn(name, type);
        }
        return name;
    }

    private static IllegalStateException isNull(String name) {
        return new IllegalStateException("the column " + name + " is null");
    }
}
