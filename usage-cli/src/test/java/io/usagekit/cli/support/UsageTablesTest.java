package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class UsageTablesTest {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.parse("2026-03"));
    private static final Instant NOW = Instant.parse("2026-03-17T01:28:00Z");

    @Test
    void anAnswerForPeople() {
        OrganisationUsage usage =
                new OrganisationUsage(KEY, new UsageMetrics(1_234, 56_789_012), new UsageMetrics(0, 0), NOW);

        assertThat(UsageTables.answer(UsageResult.stale(new AgedUsage(usage, Duration.ofSeconds(75))), true))
                .isEqualToNormalizingNewlines("""
                        organisation  org-123
                        period        2026-03
                        from          2026-03-01T00:00:00Z
                        to            2026-04-01T00:00:00Z
                        created at    2026-03-17T01:28:00Z
                        freshness     stale, 75 s old
                        +----------+--------+------------+
                        |          | volume |      bytes |
                        +----------+--------+------------+
                        | received |  1,234 | 56,789,012 |
                        | sent     |      0 |          0 |
                        +----------+--------+------------+""");
    }

    @Test
    void aPendingAnswerHasNoFigures() {
        assertThat(UsageTables.answer(UsageResult.pending(KEY, NOW), true))
                .endsWith("freshness     pending\nnot known yet");
    }
}
