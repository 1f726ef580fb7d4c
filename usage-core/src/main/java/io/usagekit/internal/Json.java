package io.usagekit.internal;

import java.util.Map;

/** Writes the one shape that a response has: nested objects of strings, whole numbers and booleans (RFC 8259). */
public final class Json {

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
        } else if (value instanceof String text) {
            string(out, text);
        } else if (value instanceof Long || value instanceof Boolean) {
            out.append(value);
        } else {
            throw new IllegalArgumentException("no JSON form for " + value.getClass());
        }
    }

    private static void string(StringBuilder out, String text) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }
}
