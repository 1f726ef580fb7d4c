package io.usagekit.page;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Map;
import java.util.TreeMap;

/**
 * Addresses of a page's resources.
 *
 * @param basePath of the page
 * @param organisationId whose usage
 * @param zone its days and months
 */
public record Links(String basePath, String organisationId, ZoneId zone) {

    static final String EVENTS = "events";
    static final String EVENTS_CSV = "events.csv";
    static final String STATEMENT_CSV = "statement.csv";

    /** The page itself, without parameters: the target of its form. */
    public String self() {
        // An organisation named as the folder of assets is still an organisation.
        String segment = organisationId.equals("assets") ? "%61ssets" : encode(organisationId);
        return basePath + "/" + segment;
    }

    String statement(String period) {
        return self() + query(Map.of("period", period));
    }

    String statementCsv(String period) {
        return self() + "/" + STATEMENT_CSV + query(Map.of("period", period));
    }

    String events(LocalDate day, String side) {
        return self() + "/" + EVENTS + query(Map.of("day", day.toString(), "side", side));
    }

    String events(LocalDate day, String side, String cursor) {
        return self() + "/" + EVENTS + query(Map.of("day", day.toString(), "side", side, "cursor", cursor));
    }

    String eventsCsv(LocalDate day, String side) {
        return self() + "/" + EVENTS_CSV + query(Map.of("day", day.toString(), "side", side));
    }

    private String query(Map<String, String> parameters) {
        StringBuilder query = new StringBuilder("?");
        new TreeMap<>(parameters)
                .forEach((name, value) ->
                        query.append(name).append('=').append(encode(value)).append('&'));
        return query.append("zone=").append(encode(zone.getId())).toString();
    }

    private static String encode(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }
}
