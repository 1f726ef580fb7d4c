package io.usagekit.postgres.internal;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Resource files of named statements. Each statement begins with the line {@code -- name: find-event}, each fragment with
 * {@code -- fragment: event-columns}, and goes up to the next such line; what stands before the first one describes the file. A
 * file is parsed once. Immutable.
 */
public final class SqlFiles implements SqlSource {

    private static final Pattern HEADER = Pattern.compile("^-- (name|fragment): ([a-z-]+)\\n", Pattern.MULTILINE);
    private static final Pattern LIKE_A_HEADER =
            Pattern.compile("^[ \\t]*--[ \\t]*(name|fragment)[ \\t]*:.*$", Pattern.MULTILINE);

    /** By the file's name. */
    private static final Map<String, Map<String, Entry>> PARSED = new ConcurrentHashMap<>();

    record Entry(String file, boolean isFragment, String text) {}

    private final List<String> files;
    private final Map<String, Entry> entries;

    private SqlFiles(List<String> files, Map<String, Entry> entries) {
        this.files = files;
        this.entries = entries;
    }

    /**
     * The statements of one or several files.
     *
     * @param files below the folder of the package {@code io.usagekit.postgres}, e.g. {@code events/page.sql}
     * @throws IllegalStateException if a file is missing or can't be parsed, or two of its entries have the same name
     */
    public static SqlFiles of(String... files) {
        Map<String, Entry> entries = new LinkedHashMap<>();
        for (String file : files) {
            PARSED.computeIfAbsent(file, name -> parse(name, SqlTemplate.resource(name)))
                    .forEach((name, entry) -> add(entries, name, entry));
        }
        return new SqlFiles(List.of(files), entries);
    }

    /** The entries of a file, by name and in the order of the file. */
    static Map<String, Entry> parse(String file, String text) {
        Map<String, Entry> entries = new LinkedHashMap<>();
        Matcher header = HEADER.matcher(text);
        boolean more = header.find();
        while (more) {
            boolean isFragment = header.group(1).equals("fragment");
            String name = header.group(2);
            int begin = header.end();
            more = header.find();
            String entry = text.substring(begin, more ? header.start() : text.length());
            Matcher malformed = LIKE_A_HEADER.matcher(entry);
            if (malformed.find()) {
                throw new IllegalStateException(file + ": the line \"" + malformed.group()
                        + "\" must be \"-- name: \" or \"-- fragment: \", and a name of letters a to z and hyphens");
            }
            if (SqlTemplate.withoutComments(entry).isEmpty()) {
                throw new IllegalStateException(file + ": \"" + name + "\" has no SQL");
            }
            add(entries, name, new Entry(file, isFragment, entry));
        }
        if (entries.isEmpty()) {
            throw new IllegalStateException(file + " holds no named statement");
        }
        return entries;
    }

    private static void add(Map<String, Entry> entries, String name, Entry entry) {
        Entry other = entries.putIfAbsent(name, entry);
        if (other != null) {
            throw new IllegalStateException(
                    "the name \"" + name + "\" stands in " + other.file() + " and again in " + entry.file());
        }
    }

    @Override
    public Set<String> statements() {
        return names(false);
    }

    @Override
    public Set<String> fragments() {
        return names(true);
    }

    private Set<String> names(boolean fragments) {
        return entries.entrySet().stream()
                .filter(entry -> entry.getValue().isFragment() == fragments)
                .map(Map.Entry::getKey)
                .collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public String text(String name) {
        Entry entry = entries.get(name);
        if (entry == null) {
            throw new IllegalStateException(String.join(", ", files) + " hold no statement \"" + name + "\", only "
                    + String.join(", ", entries.keySet()));
        }
        return entry.text();
    }

    /** The files' names. */
    @Override
    public String toString() {
        return String.join(", ", files);
    }
}
