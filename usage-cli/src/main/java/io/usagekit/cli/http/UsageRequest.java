package io.usagekit.cli.http;

import io.usagekit.UsageKey;
import io.usagekit.cli.support.Periods;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What {@code GET /organisations/{id}/usage?period=2026-03} asks for.
 *
 * @param key which figure
 * @param withFreshness whether the answer shall say how fresh it is
 */
record UsageRequest(UsageKey key, boolean withFreshness) {

    private static final Set<String> PARAMETERS = Set.of("period", "from", "to", "zone", "freshness");
    private static final int SEGMENTS = 4;

    /** The organisation that a path names, still encoded; empty if the path isn't one of ours. */
    static Optional<String> organisation(String rawPath) {
        String[] segments = rawPath.split("/", -1);
        boolean ours = segments.length == SEGMENTS
                && segments[0].isEmpty()
                && segments[1].equals("organisations")
                && segments[3].equals("usage");
        return ours ? Optional.of(segments[2]) : Optional.empty();
    }

    /**
     * Reads a request.
     *
     * @param rawOrganisation percent-encoded
     * @param rawQuery percent-encoded, null if there is none; a plus sign stands for itself, as in an instant's offset
     * @throws IllegalArgumentException if anything in it is malformed, missing, too much or out of bounds
     */
    static UsageRequest of(String rawOrganisation, @Nullable String rawQuery) {
        String organisation = decode(rawOrganisation);
        Map<String, String> query = parameters(rawQuery == null ? "" : rawQuery);
        UsageKey key = new UsageKey(
                organisation, Periods.of(query.get("period"), query.get("from"), query.get("to"), query.get("zone")));
        String freshness = query.getOrDefault("freshness", "false");
        if (!freshness.equals("true") && !freshness.equals("false")) {
            throw new IllegalArgumentException("freshness must be true or false, but was '" + freshness + "'");
        }
        return new UsageRequest(key, freshness.equals("true"));
    }

    private static Map<String, String> parameters(String rawQuery) {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : rawQuery.split("&", -1)) {
            if (pair.isEmpty()) {
                continue;
            }
            int equals = pair.indexOf('=');
            String name = decode(equals < 0 ? pair : pair.substring(0, equals));
            String value = equals < 0 ? "" : decode(pair.substring(equals + 1));
            if (!PARAMETERS.contains(name)) {
                throw new IllegalArgumentException(
                        "there is no parameter '" + name + "', but: period, or from and to; zone; freshness");
            }
            if (parameters.put(name, value) != null) {
                throw new IllegalArgumentException(name + " is given twice");
            }
        }
        return parameters;
    }

    private static String decode(String encoded) {
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        for (int i = 0; i < encoded.length(); i++) {
            char c = encoded.charAt(i);
            if (c > '~') {
                throw malformed(encoded);
            }
            if (c != '%') {
                octets.write(c);
                continue;
            }
            if (!isHex(encoded, i + 1) || !isHex(encoded, i + 2)) {
                throw malformed(encoded);
            }
            octets.write(HexFormat.fromHexDigits(encoded, i + 1, i + 3));
            i += 2;
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(octets.toByteArray()))
                    .toString();
        } catch (CharacterCodingException e) {
            throw malformed(encoded);
        }
    }

    private static boolean isHex(String text, int index) {
        return index < text.length() && HexFormat.isHexDigit(text.charAt(index));
    }

    private static IllegalArgumentException malformed(String encoded) {
        return new IllegalArgumentException("the URL must be percent-encoded UTF-8, but was '" + encoded + "'");
    }
}
