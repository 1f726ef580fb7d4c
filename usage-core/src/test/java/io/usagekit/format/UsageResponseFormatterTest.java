package io.usagekit.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class UsageResponseFormatterTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final ObjectMapper JACKSON = new ObjectMapper();

    @Test
    void aFigureByItself() {
        assertThat(UsageResponseFormatter.plain().toJson(fresh("org-123")))
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\","
                        + "\"received\":{\"volume\":100,\"bytes\":1024},\"sent\":{\"volume\":50,\"bytes\":512},"
                        + "\"created_at\":\"2026-03-17T01:28:00Z\"}");
    }

    @Test
    void aFigureInItsEnvelope() {
        assertThat(UsageResponseFormatter.enveloped().toJson(fresh("org-123")))
                .isEqualTo("{\"status\":true,\"message\":\"Organisation usage fetched successfully\",\"data\":"
                        + UsageResponseFormatter.plain().toJson(fresh("org-123")) + "}");
    }

    @Test
    void anEnvelopeWithTheHostsOwnMessage() {
        String expected = "{\"status\":true,\"message\":\"Voilà: \\\"usage\\\"\",\"data\":"
                + UsageResponseFormatter.plain().toJson(fresh("org-123")) + "}";
        assertThat(UsageResponseFormatter.enveloped()
                        .withMessage("Voilà: \"usage\"")
                        .toJson(fresh("org-123")))
                .isEqualTo(expected);
        assertThat(UsageResponseFormatter.plain()
                        .withMessage("Voilà: \"usage\"")
                        .toJson(fresh("org-123")))
                .as("a message asks for an envelope")
                .isEqualTo(expected);
    }

    @Test
    void aFreshFigureWithItsFreshness() {
        UsageResult result = UsageResult.fresh(new AgedUsage(usage("org-123"), Duration.ofMillis(7_999)));
        assertThat(UsageResponseFormatter.plain().withFreshness().toJson(result))
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\","
                        + "\"received\":{\"volume\":100,\"bytes\":1024},\"sent\":{\"volume\":50,\"bytes\":512},"
                        + "\"created_at\":\"2026-03-17T01:28:00Z\","
                        + "\"status\":\"fresh\",\"as_of\":\"2026-03-17T01:28:00.123456Z\",\"age_seconds\":7}");
    }

    @Test
    void gatewaysFormHasItsMessagesOffsetsAndOmissions() {
        UsageResponseFormatter formatter = UsageResponseFormatter.gateway(ZoneId.of("Asia/Kolkata"));
        assertThat(formatter.toJson(fresh("org-123")))
                .isEqualTo("{\"status\":true,\"message\":\"Usage retrieved successfully\",\"data\":"
                        + "{\"organisation_id\":\"org-123\",\"period\":\"2026-03\","
                        + "\"received\":{\"volume\":100,\"bytes\":1024},\"sent\":{\"volume\":50,\"bytes\":512},"
                        + "\"created_at\":\"2026-03-17T06:58:00+05:30\"}}");
        assertThat(formatter.toJson(UsageResult.pending(new UsageKey("org-123", MARCH), COMPUTED)))
                .isEqualTo("{\"status\":true,\"message\":\"Usage is being calculated\",\"data\":"
                        + "{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"received\":{},\"sent\":{},"
                        + "\"created_at\":\"2026-03-17T06:58:00+05:30\",\"pending\":true}}");
        OrganisationUsage empty = new OrganisationUsage(
                new UsageKey("org-123", MARCH), new UsageMetrics(3, 0), UsageMetrics.ZERO, COMPUTED);
        assertThat(UsageResponseFormatter.gateway().toJson(UsageResult.fresh(new AgedUsage(empty, Duration.ZERO))))
                .as("numbers that are 0 are left out")
                .endsWith("\"received\":{\"volume\":3},\"sent\":{},\"created_at\":\"2026-03-17T01:28:00Z\"}}");
        assertThat(UsageResponseFormatter.gateway(ZoneId.of("Europe/London")).toJson(fresh("org-123")))
                .as("an offset of zero, as the gateway writes it")
                .contains("\"created_at\":\"2026-03-17T01:28:00Z\"");
    }

    @Test
    void gatewaysFormNamesTheMonthOfAnyWindow() {
        ZoneId newYork = ZoneId.of("America/New_York");
        UsagePeriod local = UsagePeriod.month(YearMonth.of(2026, 3), newYork);
        for (UsagePeriod window : List.of(
                MARCH,
                local,
                UsagePeriod.between(local.start(), local.end().minusNanos(1_000)),
                UsagePeriod.billingCycle(YearMonth.of(2026, 3), 31),
                UsagePeriod.parse("2026-03-17", newYork),
                UsagePeriod.parse("2026-03-30/2026-05-01"))) {
            assertThat(UsageResponseFormatter.gateway(newYork)
                            .toJson(UsageResult.pending(new UsageKey("org-123", window), COMPUTED)))
                    .as("%s", window.label())
                    .contains("\"period\":\"2026-03\"");
        }
        assertThat(UsageResponseFormatter.gateway()
                        .toJson(UsageResult.pending(
                                new UsageKey("org-123", UsagePeriod.parse("2026-04-01T00:00Z/2026-04-02T00:00Z")),
                                COMPUTED)))
                .contains("\"period\":\"2026-04\"");
    }

    @Test
    void saysWhetherPeriodWasOverWhenFigureWasComputed() {
        UsageResponseFormatter formatter = UsageResponseFormatter.plain().withPeriodOver();
        assertThat(formatter.toJson(fresh("org-123")))
                .endsWith("\"sent\":{\"volume\":50,\"bytes\":512},"
                        + "\"period_over\":false,\"created_at\":\"2026-03-17T01:28:00Z\"}");
        OrganisationUsage closed = new OrganisationUsage(
                new UsageKey("org-123", MARCH), UsageMetrics.ZERO, UsageMetrics.ZERO, MARCH.end());
        assertThat(formatter.toJson(UsageResult.fresh(new AgedUsage(closed, Duration.ZERO))))
                .endsWith("\"period_over\":true,\"created_at\":\"2026-04-01T00:00:00Z\"}");
        assertThat(formatter.toJson(UsageResult.pending(new UsageKey("org-123", MARCH), MARCH.end())))
                .as("there is no figure of which it could be said")
                .doesNotContain("period_over");
    }

    @Test
    void aStaleFigureSaysSoOnlyWhereFreshnessIsAskedFor() {
        UsageResult result = UsageResult.stale(new AgedUsage(usage("org-123"), Duration.ofMinutes(2)));
        assertThat(UsageResponseFormatter.plain().toJson(result))
                .isEqualTo(UsageResponseFormatter.plain().toJson(fresh("org-123")));
        assertThat(UsageResponseFormatter.plain().withFreshness().toJson(result))
                .endsWith(",\"status\":\"stale\",\"as_of\":\"2026-03-17T01:28:00.123456Z\",\"age_seconds\":120}");
    }

    @Test
    void aFigureNotKnownYetIsPendingAndNeverZero() {
        UsageResult pending = UsageResult.pending(new UsageKey("org-123", MARCH), COMPUTED);
        assertThat(UsageResponseFormatter.plain().toJson(pending))
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"pending\":true,"
                        + "\"created_at\":\"2026-03-17T01:28:00Z\"}");
        assertThat(UsageResponseFormatter.plain().withFreshness().toJson(pending))
                .as("no age and no time of computation either")
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"pending\":true,"
                        + "\"created_at\":\"2026-03-17T01:28:00Z\",\"status\":\"pending\"}");
    }

    @ParameterizedTest
    @MethodSource("everyFormatter")
    void nowhereInAPendingResponseIsThereReceivedOrSent(UsageResponseFormatter formatter) {
        UsageResult pending = UsageResult.pending(new UsageKey("org-123", MARCH), COMPUTED);
        assertThat(formatter.toJson(pending))
                .contains("\"pending\":true")
                .doesNotContain("received", "sent", "volume", "bytes");
    }

    @ParameterizedTest
    @MethodSource("everyFormatter")
    void zerosThatWereComputedArePrinted(UsageResponseFormatter formatter) {
        OrganisationUsage nothing =
                new OrganisationUsage(new UsageKey("org-123", MARCH), UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED);
        assertThat(formatter.toJson(UsageResult.fresh(new AgedUsage(nothing, Duration.ZERO))))
                .contains("\"received\":{\"volume\":0,\"bytes\":0},\"sent\":{\"volume\":0,\"bytes\":0}")
                .doesNotContain("pending");
    }

    @Test
    void rowsCountedWithoutTheirOctetsArePrintedUnlessThereAreNone() {
        UsageResult result = UsageResult.fresh(new AgedUsage(
                new OrganisationUsage(
                        new UsageKey("org-123", MARCH),
                        new UsageMetrics(100, 1024),
                        new UsageMetrics(50, 512),
                        COMPUTED,
                        3),
                Duration.ofSeconds(7)));

        assertThat(UsageResponseFormatter.plain().toJson(result))
                .contains("\"sent\":{\"volume\":50,\"bytes\":512},\"unmeasured\":3,\"created_at\":");
        assertThat(UsageResponseFormatter.plain().toJson(fresh("org-123"))).doesNotContain("unmeasured");
        assertThat(UsageResponseFormatter.gateway().toJson(result))
                .as("the gateway's form has no such member")
                .doesNotContain("unmeasured");
    }

    @Test
    void theLargestFiguresArePrintedDigitByDigit() {
        UsageMetrics largest = new UsageMetrics(Long.MAX_VALUE, Long.MAX_VALUE - 1);
        OrganisationUsage usage = new OrganisationUsage(new UsageKey("org-123", MARCH), largest, largest, COMPUTED);
        assertThat(UsageResponseFormatter.plain().toJson(UsageResult.fresh(new AgedUsage(usage, Duration.ZERO))))
                .contains("{\"volume\":9223372036854775807,\"bytes\":9223372036854775806}");
    }

    @ParameterizedTest
    @CsvSource({
        "2026-03-17T01:28:00Z,        2026-03-17T01:28:00Z, 2026-03-17T01:28:00Z",
        "2026-03-17T01:28:59.999999Z, 2026-03-17T01:28:59Z, 2026-03-17T01:28:59.999999Z",
        "1969-12-31T23:59:59.5Z,      1969-12-31T23:59:59Z, 1969-12-31T23:59:59.500Z",
    })
    void createdAtIsRoundedDownToTheSecondAndAsOfIsNot(Instant computed, String createdAt, String asOf) {
        OrganisationUsage usage =
                new OrganisationUsage(new UsageKey("org-123", MARCH), UsageMetrics.ZERO, UsageMetrics.ZERO, computed);
        Map<String, Object> response = UsageResponseFormatter.plain()
                .withFreshness()
                .toMap(UsageResult.fresh(new AgedUsage(usage, Duration.ZERO)));
        assertThat(response).containsEntry("created_at", createdAt).containsEntry("as_of", asOf);
    }

    @Test
    void thePeriodIsCalledWhatItWasAskedAs() {
        UsagePeriod kolkata = UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata"));
        UsagePeriod window = UsagePeriod.between(MARCH.start(), MARCH.end());
        for (UsagePeriod period : List.of(MARCH, kolkata, window)) {
            OrganisationUsage usage = new OrganisationUsage(
                    new UsageKey("org-123", period), UsageMetrics.ZERO, UsageMetrics.ZERO, COMPUTED);
            assertThat(UsageResponseFormatter.plain().toMap(UsageResult.fresh(new AgedUsage(usage, Duration.ZERO))))
                    .containsEntry("period", period.label());
        }
    }

    @Test
    void theMapHasTheSameKeysInTheSameOrder() {
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped().withFreshness();
        Map<String, Object> envelope = formatter.toMap(fresh("org-123"));
        assertThat(envelope.keySet()).containsExactly("status", "message", "data");
        Map<?, ?> data = nested(envelope, "data");
        assertThat(data.keySet().toArray())
                .containsExactly(
                        "organisation_id",
                        "period",
                        "received",
                        "sent",
                        "created_at",
                        "status",
                        "as_of",
                        "age_seconds");
        assertThat(nested(data, "received").keySet().toArray()).containsExactly("volume", "bytes");
        assertThat(nested(data, "sent").keySet().toArray()).containsExactly("volume", "bytes");
        assertThat(formatter
                        .toMap(UsageResult.pending(new UsageKey("org-123", MARCH), COMPUTED))
                        .get("data"))
                .asInstanceOf(InstanceOfAssertFactories.MAP)
                .containsOnlyKeys("organisation_id", "period", "pending", "created_at", "status");
    }

    @Test
    void theValuesOfTheMapAreStringsLongsAndBooleans() {
        Map<String, Object> response =
                UsageResponseFormatter.enveloped().withFreshness().toMap(fresh("org-123"));
        assertThat(response.get("status")).isEqualTo(true);
        Map<?, ?> data = nested(response, "data");
        assertThat(data.get("age_seconds")).isEqualTo(7L);
        assertThat(nested(data, "received").get("volume")).isEqualTo(100L);
        assertThat(nested(data, "sent").get("bytes")).isEqualTo(512L);
    }

    @Test
    void theMapAndTheMapsInItCannotBeChanged() {
        Map<String, Object> envelope = UsageResponseFormatter.enveloped().toMap(fresh("org-123"));
        Map<?, ?> data = nested(envelope, "data");
        Map<String, Object> plain = UsageResponseFormatter.plain().toMap(fresh("org-123"));
        for (Map<?, ?> map : List.of(envelope, data, plain, nested(data, "received"), nested(data, "sent"))) {
            assertThatExceptionOfType(UnsupportedOperationException.class).isThrownBy(map::clear);
        }
    }

    @ParameterizedTest
    @MethodSource("oddIds")
    void anOddIdSurvivesTheRoundTripThroughAParser(String id) throws IOException {
        JsonNode parsed = JACKSON.readTree(UsageResponseFormatter.plain().toJson(fresh(id)));
        assertThat(parsed.get("organisation_id").textValue()).isEqualTo(id);
        assertThat(parsed.get("received").get("volume").longValue()).isEqualTo(100);
    }

    @ParameterizedTest
    @MethodSource("everyFormatter")
    void theTextSaysTheSameAsTheMap(UsageResponseFormatter formatter) throws IOException {
        for (UsageResult result : List.of(
                fresh("a\"b"),
                UsageResult.stale(new AgedUsage(usage("org-123"), Duration.ofMinutes(2))),
                UsageResult.pending(new UsageKey("org-123", MARCH), COMPUTED))) {
            String text = formatter.toJson(result);
            assertThat(text)
                    .isEqualTo(JACKSON.writeValueAsString(formatter.toMap(result)))
                    .doesNotContain("\n");
        }
    }

    @Test
    void everyControlCharacterIsEscaped() {
        for (char c = 1; c < ' '; c++) {
            String json = UsageResponseFormatter.plain().toJson(fresh("a" + c + "b"));
            assertThat(json).contains(String.format("\"a\\u%04xb\"", (int) c));
        }
    }

    @Test
    void aFormatterIsNotChangedByItsWithMethods() {
        UsageResponseFormatter plain = UsageResponseFormatter.plain();
        String before = plain.toJson(fresh("org-123"));
        plain.withMessage("another").withFreshness();
        assertThat(plain.toJson(fresh("org-123"))).isEqualTo(before);
    }

    static List<UsageResponseFormatter> everyFormatter() {
        return List.of(
                UsageResponseFormatter.plain(),
                UsageResponseFormatter.enveloped(),
                UsageResponseFormatter.plain().withFreshness(),
                UsageResponseFormatter.enveloped().withFreshness(),
                UsageResponseFormatter.enveloped().withFreshness().withPeriodOver());
    }

    static List<String> oddIds() {
        return List.of(
                "\"",
                "\\",
                "a\"b\\c/d",
                "\\u0041",
                "\b\f\n\r\t\u0001\u001f\u007f",
                "é",
                "日本",
                "😀",
                "a\u2028b\u2029c",
                "\ufeff\uffff",
                "</script>",
                "x".repeat(UsageKey.MAX_ORGANISATION_ID_LENGTH));
    }

    private static UsageResult fresh(String id) {
        return UsageResult.fresh(new AgedUsage(usage(id), Duration.ofSeconds(7)));
    }

    private static OrganisationUsage usage(String id) {
        return new OrganisationUsage(
                new UsageKey(id, MARCH), new UsageMetrics(100, 1024), new UsageMetrics(50, 512), COMPUTED);
    }

    private static Map<?, ?> nested(Map<?, ?> map, String key) {
        return (Map<?, ?>) Objects.requireNonNull(map.get(key), key);
    }
}
