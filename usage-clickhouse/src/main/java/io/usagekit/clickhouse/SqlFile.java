package io.usagekit.clickhouse;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The named statements and fragments of resource files. In a statement, <code>{name}</code> stands for a fragment or a name that is given,
 * and {@code :name} for a value that is bound. Comments aren't sent. Immutable.
 */
final class SqlFile {

    private static final Pattern ENTRY = Pattern.compile(
            "^-- (?:name|fragment): ([a-z-]+)\\n(.*?)(?=^-- (?:name|fragment): |\\z)",
            Pattern.MULTILINE | Pattern.DOTALL);
    private static final Pattern HEADER = Pattern.compile("^--\\s*(?:name|fragment)\\b.*", Pattern.MULTILINE);
    private static final Pattern COMMENT = Pattern.compile("[ \\t]*--(?: .*)?\\n");
    private static final Pattern REFERENCE = Pattern.compile("\\{([a-z_-]+)}");
    private static final Pattern PARAMETER = Pattern.compile("(?<!:):([a-z_]+)");

    /** In the order of the files. */
    private final Map<String, String> entries;

    private final Map<String, String> names;

    /**
     * A statement to be sent.
     *
     * @param sql with {@code ?} for the values
     * @param parameters the names of the values in the order of their places
     */
    record Statement(String sql, List<String> parameters) {}

    private SqlFile(Map<String, String> entries, Map<String, String> names) {
        this.entries = entries;
        this.names = names;
    }

    /**
     * Reads files.
     *
     * @param names what names that aren't those of fragments stand for; put in literally
     * @param files in this package
     */
    static SqlFile of(Map<String, String> names, String... files) {
        Map<String, String> entries = new LinkedHashMap<>();
        for (String file : files) {
            String text = resource(file);
            Matcher entry = ENTRY.matcher(text);
            long found = 0;
            while (entry.find()) {
                found++;
                if (entries.putIfAbsent(entry.group(1), entry.group(2)) != null) {
                    throw new IllegalStateException(file + ": \"" + entry.group(1) + "\" stands there again");
                }
            }
            long headers = HEADER.matcher(text).results().count();
            if (headers != found) {
                throw new IllegalStateException(
                        file + " has " + headers + " headers, of which " + found + " are well formed");
            }
        }
        return new SqlFile(entries, Map.copyOf(names));
    }

    private static String resource(String name) {
        try (InputStream in = SqlFile.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the names of all statements and fragments. */
    List<String> names() {
        return List.copyOf(entries.keySet());
    }

    /** Returns a statement. */
    Statement statement(String name) {
        return statement(name, Map.of());
    }

    /** Returns a statement with further names, or others; one that stands for <code>{fragment}</code> is replaced by that fragment. */
    Statement statement(String name, Map<String, String> more) {
        Map<String, String> all = new HashMap<>(names);
        all.putAll(more);
        List<String> parameters = new ArrayList<>();
        String positional = PARAMETER.matcher(withFragments(name, more)).replaceAll(found -> {
            parameters.add(found.group(1));
            return "?";
        });
        return new Statement(fill(positional, all), List.copyOf(parameters));
    }

    /** Returns the text of a statement with its comments, and the names put in. */
    String commented(String name) {
        return fill(text(name), names).strip();
    }

    private String withFragments(String name, Map<String, String> more) {
        String text = COMMENT.matcher(text(name)).replaceAll("").strip();
        return REFERENCE.matcher(text).replaceAll(found -> Matcher.quoteReplacement(referred(found.group(1), more)));
    }

    private String referred(String name, Map<String, String> more) {
        Matcher fragment = REFERENCE.matcher(more.getOrDefault(name, ""));
        if (fragment.matches()) {
            return referred(fragment.group(1), more);
        }
        return entries.containsKey(name) ? withFragments(name, more) : "{" + name + "}";
    }

    private String text(String name) {
        String text = entries.get(name);
        if (text == null) {
            throw new IllegalStateException("there is no statement \"" + name + "\", only " + entries.keySet());
        }
        return text;
    }

    private static String fill(String text, Map<String, String> names) {
        return REFERENCE.matcher(text).replaceAll(found -> {
            String value = names.get(found.group(1));
            if (value == null) {
                throw new IllegalStateException("nothing is given for {" + found.group(1) + "}");
            }
            return Matcher.quoteReplacement(value);
        });
    }
}
