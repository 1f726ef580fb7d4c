package io.usagekit.postgres.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A statement out of a resource file, where <code>{name}</code> stands for a piece of SQL (a mapped table, a column) and
 * {@code :name} for a value that is bound. Comments aren't sent.
 */
public final class SqlTemplate {

    private static final String ROOT = "/io/usagekit/postgres/";
    private static final Pattern COMMENT = Pattern.compile("[ \\t]*--.*$", Pattern.MULTILINE);
    private static final Pattern BLANK_LINES = Pattern.compile("\\n\\s*\\n");
    private static final Pattern PIECE = Pattern.compile("\\{([a-z_.-]+)}");
    private static final Pattern PARAMETER = Pattern.compile("(?<!:):([a-z_]+)");

    private final String sql;
    private final List<String> parameters;

    private SqlTemplate(String sql, List<String> parameters) {
        this.sql = sql;
        this.parameters = parameters;
    }

    /**
     * Parameters are found before the pieces are put in, and pieces aren't looked into: a table may well be called
     * {@code "a:b"}, <code>"{c}"</code> or {@code "--"}.
     *
     * @throws IllegalStateException if the text names a piece that isn't given
     */
    public static SqlTemplate of(String text, Map<String, String> pieces) {
        List<String> parameters = new ArrayList<>();
        String positional = PARAMETER.matcher(withoutComments(text)).replaceAll(found -> {
            parameters.add(found.group(1));
            return "?";
        });
        return new SqlTemplate(fill(positional, pieces), List.copyOf(parameters));
    }

    /**
     * The text of a resource file of this module.
     *
     * @param name below the folder of the package {@code io.usagekit.postgres}
     */
    public static String resource(String name) {
        try (InputStream in = SqlTemplate.class.getResourceAsStream(ROOT + name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static String withoutComments(String text) {
        return BLANK_LINES
                .matcher(COMMENT.matcher(text).replaceAll(""))
                .replaceAll("\n")
                .strip();
    }

    public static String fill(String text, Map<String, String> pieces) {
        return PIECE.matcher(text).replaceAll(found -> {
            String piece = pieces.get(found.group(1));
            if (piece == null) {
                throw new IllegalStateException("no piece is given for {" + found.group(1) + "}");
            }
            return Matcher.quoteReplacement(piece);
        });
    }

    /** What is sent, with {@code ?} for the values. */
    public String sql() {
        return sql;
    }

    /** The names of its values, in the order of their places; one that stands in several places, several times. */
    public List<String> parameters() {
        return parameters;
    }

    /** The statement with its values bound: strings and instants. */
    public PreparedStatement prepare(Connection connection, Map<String, ?> values) throws SQLException {
        return prepare(connection, "", values);
    }

    /** The same with something in front of it, e.g. {@code explain}. */
    public PreparedStatement prepare(Connection connection, String prefix, Map<String, ?> values) throws SQLException {
        SqlCall call = SqlCall.of(connection, this);
        for (String name : parameters) {
            Object value = values.get(name);
            if (value instanceof Instant instant) {
                call.instant(name, instant);
            } else if (value instanceof String text) {
                call.text(name, text);
            }
        }
        return call.prepare(prefix);
    }
}
