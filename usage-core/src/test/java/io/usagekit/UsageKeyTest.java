package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.YearMonth;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UsageKeyTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "   ", "\t", "\n", "\u2003", "\u2028"})
    void aBlankIdIsRejected(String id) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UsageKey(id, MARCH))
                .withMessageStartingWith("organisationId must not be blank, but was \"");
    }

    @Test
    void anIdOf255CharactersIsAcceptedAndOneMoreIsNot() {
        assertThat(new UsageKey("x".repeat(255), MARCH).organisationId()).hasSize(255);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UsageKey("x".repeat(256), MARCH))
                .withMessageStartingWith("organisationId must have at most 255 characters, but has 256: \"xxx");
    }

    @Test
    void anIdOf10KilobytesIsRejectedByAShortMessage() {
        for (String id : new String[] {"x".repeat(10_000), " ".repeat(10_000), "\u0001".repeat(10_000)}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new UsageKey(id, MARCH))
                    .withMessageContaining("at most 255 characters, but has 10000")
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(500));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"\u0000", "org\u0000", "\u0000org", "o\u0000rg"})
    void anIdWithU0000IsRejected(String id) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new UsageKey(id, MARCH))
                .withMessageStartingWith("organisationId must not contain U+0000, but was \"")
                .withMessageContaining("\\u0000");
    }

    @Test
    void anIdWithAnUnpairedSurrogateIsRejected() {
        for (String id : new String[] {"\ud83d", "\ude00", "org\ud83d", "\ude00org", "\ude00\ud83d", "😀\ud83d"}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> new UsageKey(id, MARCH))
                    .withMessageStartingWith(
                            "organisationId must be well-formed Unicode, but has an unpaired surrogate: ")
                    .satisfies(e -> assertThat(e.getMessage()).matches("\\p{ASCII}*"));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0",
                "-",
                " org",
                "org ",
                "a b",
                "a\nb",
                "a\tb",
                "\u0001",
                "\u007f",
                "a\u2028b",
                "\ufeff",
                "\uffff",
                ":",
                "{org}",
                "%00",
                "\\",
                "\"",
                "'; DROP TABLE events; --",
                "null",
                "é",
                "e\u0301",
                "日本",
                "😀",
                "\udbff\udfff"
            })
    void anyOtherIdIsLegalAndKeptAsItIs(String id) {
        assertThat(new UsageKey(id, MARCH).organisationId()).isEqualTo(id);
    }

    @Test
    void keysAreEqualWhenOrganisationAndWindowAreWhateverThePeriodIsCalled() {
        UsageKey key = new UsageKey("org-123", MARCH);
        assertThat(new UsageKey("org-123", UsagePeriod.between(MARCH.start(), MARCH.end())))
                .isEqualTo(key)
                .hasSameHashCodeAs(key);
        assertThat(new UsageKey("ORG-123", MARCH)).isNotEqualTo(key);
        assertThat(new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata"))))
                .isNotEqualTo(key);
    }

    @Test
    void idsThatLookAlikeButDifferAreDifferentKeys() {
        assertThat(new UsageKey("e\u0301", MARCH)).isNotEqualTo(new UsageKey("\u00e9", MARCH));
        assertThat(new UsageKey("org ", MARCH)).isNotEqualTo(new UsageKey("org", MARCH));
    }

    @Test
    void inALogLineTheIdIsQuotedAndEscaped() {
        assertThat(new UsageKey("a\"b\\c\nd\u0001", MARCH)).hasToString("\"a\\\"b\\\\c\\u000ad\\u0001\" in 2026-03");
    }
}
