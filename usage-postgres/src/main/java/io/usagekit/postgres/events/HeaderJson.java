package io.usagekit.postgres.events;

import java.util.Map;

/** Headers as the JSON object that the column holds. */
final class HeaderJson {

    private HeaderJson() {}

    static String of(Map<String, String> headers) {
        StringBuilder out = new StringBuilder("{");
        headers.forEach((name, value) -> {
            string(out.append(out.length() == 1 ? "" : ","), name);
            string(out.append(':'), value);
        });
        return out.append('}').toString();
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
