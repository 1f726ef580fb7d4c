package io.usagekit.events.spi;

import io.usagekit.internal.Json;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Writes rows of named columns as text in UTF-8, one by one, and retains none of them. Lines end with a line feed. The sink isn't
 * closed. Not thread-safe.
 *
 * @since 0.1
 */
public final class RowWriter {

    /** How rows are written. */
    public enum Format {
        /** Comma-separated values (RFC 4180): a line of the columns' names, then a line for each row; an absent value is empty. */
        CSV,
        /** A JSON object (RFC 8259) on each line; an absent value has no member. */
        NDJSON
    }

    private static final int BUFFER_OCTETS = 1 << 16;

    private final Format format;
    private final List<String> columns;
    private final OutputStream sink;

    private RowWriter(Format format, List<String> columns, OutputStream sink) {
        this.format = format;
        this.columns = List.copyOf(columns);
        this.sink = sink;
    }

    /**
     * Begins to write.
     *
     * @throws IOException if the sink fails
     */
    public static RowWriter begin(Format format, List<String> columns, OutputStream sink) throws IOException {
        RowWriter writer = new RowWriter(format, columns, new BufferedOutputStream(sink, BUFFER_OCTETS));
        if (format == Format.CSV) {
            writer.line(csv(columns.stream().map(Optional::of).toList()));
        }
        return writer;
    }

    /**
     * Writes the next row.
     *
     * @param values in the order of the columns: texts, whole numbers or flags, empty where there is none
     * @throws IOException if the sink fails
     * @throws IllegalArgumentException if there are more or fewer values than columns
     */
    public void write(List<? extends Optional<?>> values) throws IOException {
        if (values.size() != columns.size()) {
            throw new IllegalArgumentException(
                    "a row must have " + columns.size() + " values, but had " + values.size());
        }
        line(format == Format.CSV ? csv(values) : json(values));
    }

    /**
     * Passes on what has been written, and flushes the sink.
     *
     * @throws IOException if the sink fails
     */
    public void flush() throws IOException {
        sink.flush();
    }

    private void line(String text) throws IOException {
        sink.write((text + '\n').getBytes(StandardCharsets.UTF_8));
    }

    private String json(List<? extends Optional<?>> values) {
        Map<String, Object> members = new LinkedHashMap<>();
        for (int i = 0; i < columns.size(); i++) {
            String column = columns.get(i);
            values.get(i).ifPresent(value -> members.put(column, value));
        }
        return Json.write(members);
    }

    private static String csv(List<? extends Optional<?>> values) {
        return values.stream()
                .map(value ->
                        value.map(present -> quoted(String.valueOf(present))).orElse(""))
                .collect(Collectors.joining(","));
    }

    /** Quotes a text that would be read as several fields, lines or as an absent value. */
    private static String quoted(String text) {
        boolean isPlain =
                !text.isEmpty() && text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return isPlain ? text : '"' + text.replace("\"", "\"\"") + '"';
    }
}
