package io.usagekit.internal;

import java.io.IOException;
import java.io.Reader;
import java.util.List;
import java.util.Map;

/** Writes the one shape that a response has: nested objects and lists of strings, whole numbers and booleans (RFC 8259). */
public final class Json {

    private static final int CHUNK = 1 << 13;

    private Json() {}

    /**
     * One line, members in the map's order.
     *
     * @throws IllegalArgumentException if a value is of another type
     */
    public static String write(Map<String, ?> object) {
        StringBuilder out = new StringBuilder(256);
        object(out, object);
        return out.toString();
    }

    /** Writes what a string has between its quotation marks, from a text of any length, chunk by chunk. */
    public static void escape(Reader text, Appendable out) throws IOException {
        char[] chunk = new char[CHUNK];
        StringBuilder escaped = new StringBuilder(CHUNK);
        for (int length = text.read(chunk); length >= 0; length = text.read(chunk)) {
            escaped.setLength(0);
            for (int i = 0; i < length; i++) {
                escape(escaped, chunk[i]);
            }
            out.append(escaped);
        }
    }

    private static void object(StringBuilder out, Map<?, ?> object) {
        String separator = "{";
        for (Map.Entry<?, ?> member : object.entrySet()) {
            out.append(separator);
            string(out, String.valueOf(member.getKey()));
            out.append(':');
            value(out, member.getValue());
            separator = ",";
        }
        out.append(object.isEmpty() ? "{}" : "}");
    }

    private static void value(StringBuilder out, Object value) {
        if (value instanceof Map<?, ?> nested) {
            object(out, nested);
        } else if (value instanceof List<?> list) {
            list(out, list);
        } else if (value instanceof String text) {
            string(out, text);
        } else if (value instanceof Long || value instanceof Boolean) {
            out.append(value);
        } else {
            throw new IllegalArgumentException("no JSON form for " + value.getClass());
        }
    }

    private static void list(StringBuilder out, List<?> list) {
        String separator = "[";
        for (Object element : list) {
            out.append(separator);
            value(out, element);
            separator = ",";
        }
        out.append(list.isEmpty() ? "[]" : "]");
    }

    private static void string(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            escape(out, text.charAt(i));
        }
        out.append('"');
    }

    private static void escape(StringBuilder out, char c) {
        if (c == '"' || c == '\\') {
            out.append('\\').append(c);
        } else if (c < ' ') {
            out.append(String.format("\\u%04x", (int) c));
        } else {
            out.append(c);
        }
    }
}
