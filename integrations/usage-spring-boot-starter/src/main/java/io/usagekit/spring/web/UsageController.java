package io.usagekit.spring.web;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.format.UsageError;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.springframework.http.CacheControl;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.ProblemDetail;
import org.springframework.http.ResponseEntity;
import org.springframework.util.DigestUtils;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * The figure of an organisation, {@code GET /organisations/org-123/usage?period=2026-03}, and its series, {@code
 * GET /organisations/org-123/usage/series?period=2026-03&granularity=day}, for callers that {@link UsageAccess} admits. Both take a
 * {@code zone}, UTC by default. A series is read from roll-ups with each request; without roll-ups it is 404.
 */
@RestController
@RequestMapping("${usagekit.web.path:/organisations}/{organisationId}/usage")
final class UsageController {

    private final UsageService service;
    private final Optional<PostgresRollups> rollups;
    private final UsageAccess access;
    private final UsageResponses responses;
    private final Duration seriesTimeout;

    UsageController(
            UsageService service,
            Optional<PostgresRollups> rollups,
            UsageAccess access,
            UsageResponses responses,
            Duration seriesTimeout) {
        this.service = service;
        this.rollups = rollups;
        this.access = access;
        this.responses = responses;
        this.seriesTimeout = seriesTimeout;
    }

    @GetMapping
    ResponseEntity<String> usage(
            @Nullable Principal caller,
            @PathVariable("organisationId") String organisationId,
            @RequestParam("period") String period,
            @RequestParam(name = "zone", defaultValue = "UTC") String zone,
            @RequestHeader(name = HttpHeaders.IF_NONE_MATCH, required = false) @Nullable String ifNoneMatch) {
        checkAccess(caller, organisationId);
        return responses.of(service.get(organisationId, UsagePeriod.parse(period, zone(zone))), ifNoneMatch);
    }

    @GetMapping("/series")
    ResponseEntity<Map<String, Object>> series(
            @Nullable Principal caller,
            @PathVariable("organisationId") String organisationId,
            @RequestParam("period") String period,
            @RequestParam(name = "granularity", defaultValue = "day") String granularity,
            @RequestParam(name = "zone", defaultValue = "UTC") String zone,
            @RequestHeader(name = HttpHeaders.IF_NONE_MATCH, required = false) @Nullable String ifNoneMatch) {
        checkAccess(caller, organisationId);
        if (rollups.isEmpty()) {
            return ResponseEntity.notFound().build();
        }
        ZoneId calendar = zone(zone);
        UsageKey key = new UsageKey(organisationId, UsagePeriod.parse(period, calendar));
        UsageSeriesGranularity step = UsageSeriesGranularity.parse(granularity);
        List<UsageSeriesPoint> points = rollups.get().series(key, step, calendar, seriesTimeout);
        HttpHeaders headers = new HttpHeaders();
        headers.setCacheControl(CacheControl.noCache().cachePrivate());
        String tag = "W/\""
                + DigestUtils.md5DigestAsHex(
                        (key + " " + key.period().label() + " " + zone + " " + points).getBytes(StandardCharsets.UTF_8))
                + "\"";
        headers.setETag(tag);
        if (tag.equals(ifNoneMatch)) {
            return ResponseEntity.status(HttpStatus.NOT_MODIFIED)
                    .headers(headers)
                    .build();
        }
        Map<String, Object> body = new LinkedHashMap<>();
        body.put("organisation_id", organisationId);
        body.put("period", key.period().label());
        body.put("zone", zone);
        body.put("granularity", step.name().toLowerCase(Locale.ROOT));
        body.put("points", points.stream().map(UsageSeriesPoint::toMap).toList());
        return ResponseEntity.ok().headers(headers).body(body);
    }

    private void checkAccess(@Nullable Principal caller, String organisationId) {
        if (!access.mayRead(caller, organisationId)) {
            throw new DeniedException();
        }
    }

    private static ZoneId zone(String id) {
        try {
            return ZoneId.of(id);
        } catch (DateTimeException e) {
            throw new IllegalArgumentException("zone must be that of a region or an offset, but was \"" + id + "\"", e);
        }
    }

    /** Arguments of requests are rejected by the factories of periods and keys. Those of the host's controllers are the host's. */
    @ExceptionHandler(IllegalArgumentException.class)
    ResponseEntity<ProblemDetail> invalid(IllegalArgumentException error) {
        return UsageProblems.response(UsageError.of(error));
    }

    @ExceptionHandler(DeniedException.class)
    ResponseEntity<ProblemDetail> denied() {
        ProblemDetail problem = ProblemDetail.forStatusAndDetail(
                HttpStatus.FORBIDDEN, "You may not read the usage of this organisation");
        problem.setProperty("error", "forbidden");
        return ResponseEntity.status(HttpStatus.FORBIDDEN)
                .cacheControl(CacheControl.noStore())
                .body(problem);
    }

    private static final class DeniedException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }
}
