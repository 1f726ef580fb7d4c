package io.usagekit.jackson;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.WarmResult;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.Map;

/** Values of which each member differs from all others. */
final class Figures {

    static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final UsagePeriod MARCH_IN_KOLKATA = UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata"));
    static final UsageKey KEY = new UsageKey("org-123", MARCH);
    static final Instant CREATED_AT = Instant.parse("2026-03-17T01:28:00.123456Z");
    static final OrganisationUsage USAGE =
            new OrganisationUsage(KEY, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), CREATED_AT);
    static final UsageResult FRESH = UsageResult.fresh(new AgedUsage(USAGE, Duration.ofSeconds(7)));
    static final UsageResult PENDING = UsageResult.pending(KEY, CREATED_AT);
    /** What a driver says, which isn't a client's business. */
    static final String SECRET = "relation app.events of db-7.internal";

    static final WarmResult WARMED = new WarmResult(1, 2, Map.of("org-9", failure()));
    static final UsageResults SEVERAL =
            new UsageResults(Map.of(KEY, FRESH), Map.of(new UsageKey("org-9", MARCH), failure()));

    private Figures() {}

    static UsageException failure() {
        return new UsageCalculationException("the statement timed out: " + SECRET, new IllegalStateException(SECRET));
    }
}
