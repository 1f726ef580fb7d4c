package io.usagekit.page;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a client requests of the page.
 *
 * @param organisationId whose usage; empty for an asset
 * @param resource which of its resources: the empty text for the page itself, {@code events}, {@code statement.csv},
 *     {@code events.csv}, or the name of an asset
 * @param parameters of the query
 */
public record UsagePageRequest(Optional<String> organisationId, String resource, Map<String, String> parameters) {

    private static final String ASSETS = "assets";

    /** Copies the parameters. */
    public UsagePageRequest {
        parameters = Map.copyOf(parameters);
    }

    /**
     * Reads the address of a request: {@code /ORGANISATION}, {@code /ORGANISATION/RESOURCE} or {@code /assets/NAME} below the base path. An
     * organisation of that name is {@code /%61ssets}.
     *
     * @param basePath of the page, such as {@code /usage}
     * @param rawPath percent-encoded
     * @param rawQuery percent-encoded; null if there is none
     * @return empty if the path isn't one of the page's
     * @throws IllegalArgumentException if the address isn't percent-encoded, or a parameter is given twice
     */
    public static Optional<UsagePageRequest> parse(String basePath, String rawPath, @Nullable String rawQuery) {
        if (!rawPath.startsWith(basePath + "/")) {
            return Optional.empty();
        }
        String[] segments = rawPath.substring(basePath.length() + 1).split("/", -1);
        if (segments.length > 2 || segments[0].isEmpty()) {
            return Optional.empty();
        }
        String resource = segments.length == 2 ? decode(segments[1]) : "";
        return Optional.of(
                segments[0].equals(ASSETS)
                        ? new UsagePageRequest(Optional.empty(), resource, Map.of())
                        : new UsagePageRequest(Optional.of(decode(segments[0])), resource, parameters(rawQuery)));
    }

    private static Map<String, String> parameters(@Nullable String rawQuery) {
        Map<String, String> parameters = new LinkedHashMap<>();
        for (String pair : rawQuery == null ? new String[0] : rawQuery.split("&", -1)) {
            if (pair.isEmpty()) {
                continue;
            }
            int equals = pair.indexOf('=');
            // A browser's form writes a space as a plus sign.
            String name = decode((equals < 0 ? pair : pair.substring(0, equals)).replace("+", "%20"));
            String value = equals < 0 ? "" : decode(pair.substring(equals + 1).replace("+", "%20"));
            if (parameters.put(name, value) != null) {
                throw new IllegalArgumentException("the parameter '" + name + "' is given twice");
            }
        }
        return parameters;
    }

    private static String decode(String encoded) {
        return URLDecoder.decode(encoded.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    /** The value of a parameter; empty if it is missing or blank. */
    Optional<String> parameter(String name) {
        return Optional.ofNullable(parameters.get(name)).filter(value -> !value.isBlank());
    }
}
