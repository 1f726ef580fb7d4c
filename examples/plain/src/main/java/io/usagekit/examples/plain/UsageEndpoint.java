package io.usagekit.examples.plain;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.format.CacheHeaders;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.json.JsonMapper;

/** {@code GET /organisations/ID/usage} and {@code GET /organisations/ID/usage/series}, as {@code docs/openapi.yaml} describes them. */
record UsageEndpoint(UsageService usage, PostgresRollups rollups, Duration seriesTimeout) implements HttpHandler {

    private static final Logger LOG = LoggerFactory.getLogger(UsageEndpoint.class);
    private static final Pattern PATH = Pattern.compile("/organisations/([^/]+)/usage(/series)?");
    private static final UsageResponseFormatter FORMATTER = UsageResponseFormatter.plain();
    private static final JsonMapper JSON = new JsonMapper();

    private record Response(int status, Map<String, String> headers, String body) {}

    @Override
    public void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            Response response = respond(exchange);
            byte[] body = response.body().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            response.headers()
                    .forEach((name, value) -> exchange.getResponseHeaders().set(name, value));
            exchange.sendResponseHeaders(response.status(), body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
        }
    }

    private Response respond(HttpExchange exchange) {
        Matcher path = PATH.matcher(exchange.getRequestURI().getRawPath());
        if (!path.matches()) {
            return error(new UsageError("not_found", "There is no such resource", 404));
        } else if (!exchange.getRequestMethod().equals("GET")) {
            return error(new UsageError("method_not_allowed", "The method must be GET", 405));
        }
        try {
            String organisation = decode(path.group(1));
            if (!Members.mayRead(exchange, organisation)) {
                return error(new UsageError("forbidden", "You may not read the usage of this organisation", 403));
            }
            Map<String, String> query = query(exchange.getRequestURI().getRawQuery());
            ZoneId zone = zone(query.getOrDefault("zone", "UTC"));
            UsageKey key = new UsageKey(organisation, UsagePeriod.parse(query.getOrDefault("period", ""), zone));
            return path.group(2) == null
                    ? figure(
                            key,
                            Optional.ofNullable(exchange.getRequestHeaders().getFirst("If-None-Match")))
                    : series(key, UsageSeriesGranularity.parse(query.getOrDefault("granularity", "day")), zone);
        } catch (RuntimeException e) {
            UsageError error = UsageError.of(e);
            if (error.httpStatus() >= 500) {
                LOG.warn("no usage for {}: {}", exchange.getRequestURI(), e.getMessage());
            }
            return error(error);
        }
    }

    private Response figure(UsageKey key, Optional<String> ifNoneMatch) {
        UsageResult result = usage.get(key.organisationId(), key.period());
        CacheHeaders cache = CacheHeaders.of(result);
        Map<String, String> headers = new HashMap<>(cache.toMap());
        if (ifNoneMatch.filter(cache::isNotModified).isPresent()) {
            return new Response(304, headers, "");
        }
        if (result.isPending()) {
            headers.put("Retry-After", "1");
        }
        return new Response(result.isPending() ? 202 : 200, headers, FORMATTER.toJson(result));
    }

    private Response series(UsageKey key, UsageSeriesGranularity granularity, ZoneId zone) {
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("organisation_id", key.organisationId());
        body.put("period", key.period().label());
        body.put("zone", zone.getId());
        body.put("granularity", granularity.name().toLowerCase(Locale.ROOT));
        body.put(
                "points",
                rollups.series(key, granularity, zone, seriesTimeout).stream()
                        .map(UsageSeriesPoint::toMap)
                        .toList());
        return new Response(200, Map.of("Cache-Control", "no-store"), JSON.writeValueAsString(body));
    }

    private static Response error(UsageError error) {
        Map<String, String> headers = new HashMap<>(Map.of("Cache-Control", "no-store"));
        if (error.httpStatus() == 503) {
            headers.put("Retry-After", "1");
        } else if (error.httpStatus() == 405) {
            headers.put("Allow", "GET");
        }
        return new Response(error.httpStatus(), headers, FORMATTER.toJson(error));
    }

    private static Map<String, String> query(@Nullable String rawQuery) {
        Map<String, String> parameters = new HashMap<>();
        for (String pair : rawQuery == null ? new String[0] : rawQuery.split("&", -1)) {
            String[] parts = pair.split("=", 2);
            parameters.put(decode(parts[0]), parts.length == 2 ? decode(parts[1]) : "");
        }
        return parameters;
    }

    private static String decode(String encoded) {
        return URLDecoder.decode(encoded, StandardCharsets.UTF_8);
    }

    private static ZoneId zone(String id) {
        try {
            return ZoneId.of(id);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("zone must be that of a region or an offset, but was \"" + id + "\"", e);
        }
    }
}
