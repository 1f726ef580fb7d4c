package io.usagekit.postgres.internal;

import io.usagekit.postgres.internal.driver.DriverTime;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** One execution of a statement: values are bound by name, then it runs. Not thread-safe. */
public final class SqlCall {

    /** Makes a value of a row. */
    @FunctionalInterface
    public interface Reader<T> {
        /** Reads the row that the result stands on. */
        T read(SqlRow row) throws SQLException;
    }

    /** Receives rows one by one. */
    @FunctionalInterface
    public interface Handler {
        /** Handles the row that the result stands on. */
        void handle(SqlRow row) throws SQLException;
    }

    /** An array and its type; its elements are an {@code Object[]}. */
    private record TypedArray(SqlType type, Object elements) {}

    private final Connection connection;
    private final Optional<SqlSignature> signature;
    private SqlTemplate template;

    /** In the order of the template's parameters; null where none is bound. */
    private @Nullable Object[] values;

    private int resultsBefore;

    private SqlCall(Connection connection, SqlTemplate template, Optional<SqlSignature> signature) {
        this.connection = connection;
        this.template = template;
        this.signature = signature;
        this.values = new @Nullable Object[template.parameters().size()];
    }

    /** A call of a statement. */
    public static SqlCall of(Connection connection, SqlTemplate template) {
        return new SqlCall(connection, template, Optional.empty());
    }

    /** A call of a statement that binds and reads only what its signature declares. */
    public static SqlCall of(Connection connection, SqlTemplate template, SqlSignature signature) {
        return new SqlCall(connection, template, Optional.of(signature));
    }

    /** Binds a text without a type of its own: it takes that of the column it is compared with. */
    public SqlCall text(String name, String value) {
        return bind(name, SqlType.TEXT, value);
    }

    public SqlCall texts(String name, Collection<String> value) {
        return bind(name, SqlType.TEXTS, value.toArray(String[]::new));
    }

    /** Binds an array of texts without a type of its own: it takes that of the array that it is combined with. */
    public SqlCall untypedTexts(String name, Collection<String> value) {
        String literal = value.stream()
                .map(text -> '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"')
                .collect(Collectors.joining(",", "{", "}"));
        return bind(name, SqlType.TEXT, literal);
    }

    public SqlCall numbers(String name, Collection<Long> value) {
        return bind(name, SqlType.NUMBERS, value.toArray(Long[]::new));
    }

    public SqlCall bytes(String name, byte[] value) {
        return bind(name, SqlType.BYTES, value);
    }

    public SqlCall manyBytes(String name, Collection<byte[]> value) {
        return bind(name, SqlType.MANY_BYTES, value.toArray(byte[][]::new));
    }

    /** Binds a {@code timestamptz}. */
    public SqlCall instant(String name, Instant value) {
        return bind(name, SqlType.INSTANT, value);
    }

    public SqlCall instants(String name, Collection<Instant> value) {
        return bind(name, SqlType.INSTANTS, value.stream().map(DriverTime::text).toArray(String[]::new));
    }

    /** Binds a {@code bigint}. */
    public SqlCall number(String name, long value) {
        return bind(name, SqlType.NUMBER, value);
    }

    public SqlCall flag(String name, boolean value) {
        return bind(name, SqlType.FLAG, value);
    }

    public SqlCall flags(String name, Collection<Boolean> value) {
        return bind(name, SqlType.FLAGS, value.toArray(Boolean[]::new));
    }

    private SqlCall bind(String name, SqlType type, Object value) {
        if (signature.isPresent()) {
            signature.get().checkParameter(name, type);
        }
        List<String> parameters = template.parameters();
        if (!parameters.contains(name)) {
            throw new IllegalArgumentException(
                    ":" + name + " is no parameter of the statement, which takes " + parameters);
        }
        Object bound = value instanceof Object[] elements ? new TypedArray(type, elements) : value;
        for (int i = parameters.indexOf(name); i < values.length; i++) {
            if (parameters.get(i).equals(name)) {
                values[i] = bound;
            }
        }
        return this;
    }

    /** Puts the statement into a frame, with the texts that the frame takes: all of it is sent in one round trip. */
    public SqlCall in(SqlTemplate.Frame frame, Map<String, String> texts) {
        return in(frame, frame.before().parameters().stream().map(texts::get).toArray());
    }

    /** Puts the statement after another one, whose values are bound and whose result isn't read: both are sent in one round trip. */
    public SqlCall after(SqlCall first) {
        return in(new SqlTemplate.Frame(first.template, 1, ""), first.values);
    }

    private SqlCall in(SqlTemplate.Frame frame, @Nullable Object[] before) {
        @Nullable Object[] all = Arrays.copyOf(before, before.length + values.length);
        System.arraycopy(values, 0, all, before.length, values.length);
        template = template.in(frame);
        values = all;
        resultsBefore += frame.results();
        return this;
    }

    /** Binds texts by name; those that the statement doesn't take are left out. */
    public SqlCall texts(Map<String, String> all) {
        all.forEach((name, value) -> {
            if (template.parameters().contains(name)) {
                text(name, value);
            }
        });
        return this;
    }

    /** Returns all rows. */
    public <T> List<T> list(Reader<T> reader) throws SQLException {
        List<T> rows = new ArrayList<>();
        forEach(row -> rows.add(reader.read(row)));
        return rows;
    }

    /** Returns the first row, if there is one. */
    public <T> Optional<T> first(Reader<T> reader) throws SQLException {
        try (PreparedStatement statement = prepare("")) {
            return first(statement, reader);
        }
    }

    /** The same by a statement that this call has {@linkplain #prepare prepared}. */
    public <T> Optional<T> first(PreparedStatement statement, Reader<T> reader) throws SQLException {
        try (ResultSet result = result(statement)) {
            return result.next() ? Optional.of(reader.read(new SqlRow(result, signature))) : Optional.empty();
        }
    }

    private ResultSet result(PreparedStatement statement) throws SQLException {
        if (resultsBefore == 0) {
            return statement.executeQuery();
        }
        statement.execute();
        for (int i = 0; i < resultsBefore; i++) {
            statement.getMoreResults();
        }
        return statement.getResultSet();
    }

    /**
     * Returns the row of a statement that always has one.
     *
     * @throws SQLException also if it has none
     */
    public <T> T one(Reader<T> reader) throws SQLException {
        return first(reader).orElseThrow(() -> new SQLException("the statement returned no row: " + template.sql()));
    }

    /** Returns the column {@code answer} of the first row, or false if there is no row. */
    public boolean answer() throws SQLException {
        return first(row -> row.flag("answer")).orElse(false);
    }

    /** Handles all rows. */
    public void forEach(Handler handler) throws SQLException {
        forEach(0, handler);
    }

    /**
     * Handles all rows while a few are fetched at a time; inside a transaction.
     *
     * @param fetchSize how many; 0 for all
     */
    public void forEach(int fetchSize, Handler handler) throws SQLException {
        try (PreparedStatement statement = prepare("")) {
            statement.setFetchSize(fetchSize);
            try (ResultSet result = statement.executeQuery()) {
                SqlRow row = new SqlRow(result, signature);
                while (result.next()) {
                    handler.handle(row);
                }
            }
        }
    }

    /** Runs a statement that changes rows; returns how many. */
    public long update() throws SQLException {
        try (PreparedStatement statement = prepare("")) {
            return statement.executeLargeUpdate();
        }
    }

    /** Runs a statement of any kind; what it returns is left. */
    public void execute() throws SQLException {
        execute("");
    }

    /** The same after other statements, which end with a semicolon: all of them take one round trip. */
    void execute(String before) throws SQLException {
        try (PreparedStatement statement = prepare(before)) {
            statement.execute();
        }
    }

    /**
     * Returns the statement with its values bound; the caller closes it.
     *
     * @param prefix stands before it: nothing, or e.g. {@code explain }
     * @throws IllegalArgumentException if a value is missing
     */
    public PreparedStatement prepare(String prefix) throws SQLException {
        PreparedStatement statement =
                connection.prepareStatement(prefix.isEmpty() ? template.sql() : prefix + template.sql());
        try {
            List<String> parameters = template.parameters();
            for (int i = 0; i < parameters.size(); i++) {
                set(statement, i + 1, parameters.get(i), values[i]);
            }
            Cancellation.started(statement);
            return statement;
        } catch (SQLException | RuntimeException e) {
            statement.close();
            throw e;
        }
    }

    private void set(PreparedStatement statement, int index, String name, @Nullable Object bound) throws SQLException {
        if (bound == null) {
            throw new IllegalArgumentException("no value is given for :" + name);
        } else if (bound instanceof Instant instant) {
            statement.setObject(index, DriverTime.of(instant));
        } else if (bound instanceof String text) {
            statement.setObject(index, text, Types.OTHER);
        } else if (bound instanceof TypedArray array) {
            statement.setArray(
                    index, connection.createArrayOf(array.type().elementName(), (Object[]) array.elements()));
        } else {
            statement.setObject(index, bound);
        }
    }
}
