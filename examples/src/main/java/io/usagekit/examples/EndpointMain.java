package io.usagekit.examples;

import io.usagekit.UsageException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.format.CacheHeaders;
import io.usagekit.format.UsageError;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.PostgresUsage;
import java.time.ZoneId;
import java.util.Map;
import org.postgresql.ds.PGSimpleDataSource;

/** What an HTTP endpoint answers: figure, error, or 304 where the client has the figure already. Argument: JDBC URL. */
public final class EndpointMain {

    private EndpointMain() {}

    /** Response of whichever web framework the host has. */
    private record Response(int status, Map<String, String> headers, String body) {}

    // tag::quote
    private static final UsageResponseFormatter FORMATTER =
            UsageResponseFormatter.enveloped().withZone();

    private static Response respond(UsageService usage, String organisation, String period, String ifNoneMatch) {
        try {
            UsageResult result = usage.get(organisation, UsagePeriod.parse(period, ZoneId.of("Asia/Kolkata")));
            CacheHeaders headers = CacheHeaders.of(result);
            return headers.isNotModified(ifNoneMatch)
                    ? new Response(304, headers.toMap(), "")
                    : new Response(200, headers.toMap(), FORMATTER.toJson(result));
        } catch (UsageException | IllegalArgumentException e) {
            UsageError error = UsageError.of(e); // and the exception itself into the log
            return new Response(error.httpStatus(), Map.of("Cache-Control", "no-store"), FORMATTER.toJson(error));
        }
    }
    // end::quote

    /** Prints the responses to a first request, to one that has the figure already, and to a wrong one. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        try (UsageService usage =
                UsageService.builder(PostgresUsage.calculator(dataSource)).build()) {
            Response first = respond(usage, "org-123", "2026-03", "");
            System.out.println(first);
            System.out.println(respond(usage, "org-123", "2026-03", "*"));
            System.out.println(respond(usage, "org-123", "March", ""));
        }
    }
}
