package io.usagekit.testkit.internal;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.List;

/** Organisation ids and periods that a wrong key format confuses with each other. */
public final class UnusualKeys {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    private UnusualKeys() {}

    /** Unusual ids that a wrong key format would confuse with each other, or with its own syntax. */
    public static List<String> organisationIds() {
        return List.of(
                "org-123",
                "ORG-123",
                "org",
                "org:2026-03",
                "org-123:2026-03",
                "org%3A2026-03",
                "{org}",
                "{",
                "}",
                "%",
                "%25",
                "%2525",
                " org",
                "org ",
                "o rg",
                "o+rg",
                "o%20rg",
                "a\nb",
                "a\rb",
                "a\tb",
                "\u0001",
                "\u007f",
                "*",
                "?",
                "[a]",
                "\\",
                "\"",
                "'",
                "/",
                "é",
                "e\u0301",
                "日本",
                "😀",
                "x".repeat(UsageKey.MAX_ORGANISATION_ID_LENGTH));
    }

    /** March 2026, another month, and periods within it or close to it. */
    public static List<UsagePeriod> periods() {
        return List.of(
                MARCH,
                UsagePeriod.month(YearMonth.of(2026, 4)),
                UsagePeriod.day(LocalDate.of(2026, 3, 1)),
                UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata")),
                UsagePeriod.billingCycle(YearMonth.of(2026, 3), 15),
                UsagePeriod.between(MARCH.start(), MARCH.end().minusNanos(1_000)),
                UsagePeriod.between(MARCH.start().plusNanos(1_000), MARCH.end()));
    }
}
