package io.usagekit.postgres.internal;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One execution of a statement: values are bound under the names and types that it declares, then it runs. */
public final class SqlCall {

    /** Makes something of a row. */
    @FunctionalInterface
    public interface Reader<T> {
        /** Reads the row that the result stands on. */
        T read(SqlRow row) throws SQLException;
    }

    private final Connection connection;
    private final SqlTemplate template;
    private final Map<String, SqlType> parameters;
    private final Map<String, SqlType> columns;
    private final Map<String, Object> values = new HashMap<>();

    public SqlCall(
            Connection connection,
            SqlTemplate template,
            Map<String, SqlType> parameters,
            Map<String, SqlType> columns) {
        this.connection = connection;
        this.template = template;
        this.parameters = parameters;
        this.columns = columns;
    }

    public SqlCall text(String name, String value) {
        return bind(name, SqlType.TEXT, value);
    }

    public SqlCall texts(String name, Collection<String> value) {
        return bind(name, SqlType.TEXTS, value.toArray(String[]::new));
    }

    public SqlCall manyBytes(String name, Collection<byte[]> value) {
        return bind(name, SqlType.MANY_BYTES, value.toArray(byte[][]::new));
    }

    public SqlCall instant(String name, Instant value) {
        return bind(name, SqlType.INSTANT, value);
    }

    public SqlCall instants(String name, Collection<Instant> value) {
        return bind(
                name, SqlType.INSTANTS, value.stream().map(Instant::toString).toArray(String[]::new));
    }

    public SqlCall number(String name, long value) {
        return bind(name, SqlType.NUMBER, value);
    }

    public SqlCall flag(String name, boolean value) {
        return bind(name, SqlType.FLAG, value);
    }

    private SqlCall bind(String name, SqlType type, Object value) {
        if (parameters.get(name) != type) {
            throw new IllegalArgumentException(
                    ":" + name + " is bound as " + type + ", but declared as " + parameters.get(name));
        }
        values.put(name, value);
        return this;
    }

    /** All rows. */
    public <T> List<T> list(Reader<T> reader) throws SQLException {
        try (PreparedStatement statement = prepare("");
                ResultSet result = statement.executeQuery()) {
            SqlRow row = new SqlRow(result, columns);
            List<T> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(reader.read(row));
            }
            return rows;
        }
    }

    /** The first row, if there is one. */
    public <T> Optional<T> first(Reader<T> reader) throws SQLException {
        return list(reader).stream().findFirst();
    }

    /** Does something with a row, and says how many rows to fetch at a time from then on. */
    @FunctionalInterface
    public interface Step {
        /** Takes the row that the result stands on. */
        int take(SqlRow row) throws SQLException;
    }

    /** All rows, one by one, while a few are fetched at a time; inside a transaction. */
    public void each(int fetchSize, Step step) throws SQLException {
        try (PreparedStatement statement = prepare("")) {
            statement.setFetchSize(fetchSize);
            try (ResultSet result = statement.executeQuery()) {
                SqlRow row = new SqlRow(result, columns);
                while (result.next()) {
                    result.setFetchSize(step.take(row));
                }
            }
        }
    }

    /** How many rows were changed. */
    public int update() throws SQLException {
        try (PreparedStatement statement = prepare("")) {
            return statement.executeUpdate();
        }
    }

    /** Bound, with something in front of it: nothing, or what asks for its plan. */
    public PreparedStatement prepare(String prefix) throws SQLException {
        Map<String, Object> bound = new HashMap<>(values);
        for (Map.Entry<String, SqlType> parameter : parameters.entrySet()) {
            if (values.get(parameter.getKey()) instanceof Object[] elements) {
                bound.put(parameter.getKey(), array(elements, parameter.getValue()));
            }
        }
        return template.prepare(connection, prefix, bound);
    }

    private Array array(Object[] elements, SqlType type) throws SQLException {
        // The driver's names of array types begin with an underscore.
        return connection.createArrayOf(type.driverName().substring(1), elements);
    }
}
