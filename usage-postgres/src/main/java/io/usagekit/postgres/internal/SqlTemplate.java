package io.usagekit.postgres.internal;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A compiled statement. In its text, <code>{name}</code> stands for a mapped table, a column or another part of SQL, and
 * {@code :name} for a value that is bound. Comments aren't sent. Thread-safe.
 */
public final class SqlTemplate {

    private static final String ROOT = "/io/usagekit/postgres/";
    private static final Pattern COMMENT = Pattern.compile("[ \\t]*--.*$", Pattern.MULTILINE);
    private static final Pattern BLANK_LINES = Pattern.compile("\\n\\s*\\n");
    private static final Pattern REFERENCE = Pattern.compile("\\{([a-z_.-]+)}");
    private static final Pattern PARAMETER = Pattern.compile("(?<!:):([a-z_]+)");

    /**
     * What is sent together with a statement, in one round trip.
     *
     * @param before statements that have as many results as {@code results}
     * @param after a statement without parameters; empty: none
     */
    public record Frame(SqlTemplate before, int results, String after) {}

    private final String sql;
    private final List<String> parameters;
    private final Map<Frame, SqlTemplate> framed = new ConcurrentHashMap<>();

    private SqlTemplate(String sql, List<String> parameters) {
        this.sql = sql;
        this.parameters = parameters;
    }

    /**
     * Compiles a statement. Parameters are found before names are put in, and names are taken literally: a table may be called
     * {@code "a:b"}, <code>"{c}"</code> or {@code "--"}.
     *
     * @throws IllegalStateException if the text refers to a name that isn't given
     */
    public static SqlTemplate of(String text, Map<String, String> names) {
        List<String> parameters = new ArrayList<>();
        String positional = PARAMETER.matcher(withoutComments(text)).replaceAll(found -> {
            parameters.add(found.group(1));
            return "?";
        });
        return new SqlTemplate(fill(positional, names), List.copyOf(parameters));
    }

    /**
     * Returns the text of a resource file of this module.
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

    /** Returns a text without its comments and blank lines. */
    public static String withoutComments(String text) {
        return BLANK_LINES
                .matcher(COMMENT.matcher(text).replaceAll(""))
                .replaceAll("\n")
                .strip();
    }

    /** Returns a text with the names put in; its comments stay. */
    public static String fill(String text, Map<String, String> names) {
        return REFERENCE.matcher(text).replaceAll(found -> {
            String value = names.get(found.group(1));
            if (value == null) {
                throw new IllegalStateException("nothing is given for {" + found.group(1) + "}");
            }
            return Matcher.quoteReplacement(value);
        });
    }

    /** Returns this statement after another one, which has no parameters. */
    SqlTemplate after(String statement) {
        return new SqlTemplate(statement + ";\n" + sql, parameters);
    }

    /** Returns this statement in a frame. Compiled at its first use. */
    SqlTemplate in(Frame frame) {
        SqlTemplate known = framed.get(frame);
        if (known == null) {
            List<String> all = new ArrayList<>(frame.before().parameters);
            all.addAll(parameters);
            String after = frame.after().isEmpty() ? "" : ";\n" + frame.after();
            known = new SqlTemplate(frame.before().sql + ";\n" + sql + after, List.copyOf(all));
            framed.put(frame, known);
        }
        return known;
    }

    /** Returns what is sent, with {@code ?} for the values. */
    public String sql() {
        return sql;
    }

    /** Returns the names of the values in the order of their places; a name that stands in several places, several times. */
    public List<String> parameters() {
        return parameters;
    }
}
