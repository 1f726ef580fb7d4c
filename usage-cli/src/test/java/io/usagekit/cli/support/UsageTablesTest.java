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
import java.time.YearMonth;
import org.junit.jupiter.api.Test;

class UsageTablesTest {

    private static UsageResult withUnmeasured(long rows) {
        return UsageResult.fresh(new AgedUsage(
                new OrganisationUsage(
                        new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3))),
                        new UsageMetrics(4_000, 1_024),
                        new UsageMetrics(50, 512),
                        Instant.parse("2026-03-17T01:28:00Z"),
                        rows),
                Duration.ZERO));
    }

    @Test
    void saysHowManyRowsAreCountedWithoutTheirOctets() {
        assertThat(UsageTables.answer(withUnmeasured(1_234), false))
                .endsWith(
                        "\n1,234 of these events and deliveries are counted without their octets, which can't be known any"
                                + " more");
        assertThat(UsageTables.answer(withUnmeasured(0), false))
                .contains("4,000", "1,024")
                .doesNotContain("counted without");
    }
}
