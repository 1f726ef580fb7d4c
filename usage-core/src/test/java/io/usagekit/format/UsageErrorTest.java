package io.usagekit.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageInterruptedException;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageStorageException;
import io.usagekit.UsageUnavailableException;
import java.io.IOException;
import java.time.Instant;
import java.time.YearMonth;
import java.time.ZoneId;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Errors, pending figures and zones in the response. */
class UsageErrorTest {

    private static final String SECRET = "FATAL: password authentication failed for user \"billing\" at 10.0.0.7";
    private static final UsageKey KEY =
            new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3), ZoneId.of("Asia/Kolkata")));

    static Stream<Arguments> errors() {
        return Stream.of(
                Arguments.of(new UsageOverloadedException(SECRET, null), "overloaded", 503),
                Arguments.of(new UsageUnavailableException(SECRET, null), "unavailable", 503),
                Arguments.of(new UsageCalculationException(SECRET, null), "calculation_failed", 503),
                Arguments.of(UsageCalculationException.permanent(SECRET, null), "calculation_failed", 500),
                Arguments.of(new UsageCacheException(SECRET, null), "cache_unavailable", 503),
                Arguments.of(new UsageInterruptedException(SECRET, null), "interrupted", 503),
                Arguments.of(new UsageStorageException(SECRET, null), "internal_error", 500),
                Arguments.of(new IllegalStateException(SECRET), "internal_error", 500));
    }

    @ParameterizedTest
    @MethodSource("errors")
    void hidesMessageOfException(Exception exception, String code, int status) {
        for (Throwable error : List.of(exception, new CompletionException(exception))) {
            UsageError seen = UsageError.of(error);
            assertThat(seen.code()).isEqualTo(code);
            assertThat(seen.httpStatus()).isEqualTo(status);
            assertThat(seen.message()).isNotBlank().doesNotContain("FATAL", "billing", "10.0.0.7");
        }
    }

    /** A host that shuts down closes the service while requests still come in. */
    @Test
    void serviceThatIsClosedIsUnavailable() {
        UsageService service = UsageService.builder((key, timeout) -> {
                    throw new AssertionError("a closed service computes nothing");
                })
                .build();
        service.close();
        assertThatThrownBy(() -> service.get(KEY.organisationId(), KEY.period()))
                .isInstanceOfSatisfying(
                        IllegalStateException.class,
                        closed -> assertThat(UsageError.of(closed))
                                .isEqualTo(new UsageError(
                                        "unavailable", "The usage isn't available at present; try again later", 503)));
    }

    @Test
    void namesWhatIsWrongWithArgument() {
        IllegalArgumentException blank = catchBlank();
        UsageError error = UsageError.of(blank);
        assertThat(error).isEqualTo(new UsageError("invalid_request", String.valueOf(blank.getMessage()), 400));
        assertThat(UsageResponseFormatter.plain().toJson(error))
                .isEqualTo("{\"error\":\"invalid_request\","
                        + "\"message\":\"organisationId must not be blank, but was \\\" \\\"\"}");
    }

    private static IllegalArgumentException catchBlank() {
        try {
            new UsageKey(" ", KEY.period());
            throw new AssertionError("a blank id was accepted");
        } catch (IllegalArgumentException e) {
            return e;
        }
    }

    @Test
    void errorStandsByItselfOrInEnvelope() {
        UsageError error = new UsageError("overloaded", "Later", 503);
        assertThat(UsageResponseFormatter.plain().toJson(error))
                .isEqualTo("{\"error\":\"overloaded\",\"message\":\"Later\"}");
        assertThat(UsageResponseFormatter.enveloped().withMessage("unused").toJson(error))
                .isEqualTo("{\"status\":false,\"message\":\"Later\",\"data\":{\"error\":\"overloaded\"}}");
    }

    @Test
    void errorOfFigureNamesIt() throws IOException {
        UsageError error = new UsageError("overloaded", "Later", 503);
        assertThat(UsageResponseFormatter.plain().toJson(KEY, error))
                .isEqualTo("{\"organisation_id\":\"org-123\",\"period\":\"2026-03\","
                        + "\"error\":\"overloaded\",\"message\":\"Later\"}");
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped().withZone();
        assertThat(formatter.toJson(KEY, error))
                .isEqualTo("{\"status\":false,\"message\":\"Later\",\"data\":{\"organisation_id\":\"org-123\","
                        + "\"period\":\"2026-03\",\"zone\":\"Asia/Kolkata\",\"error\":\"overloaded\"}}")
                .isEqualTo(new ObjectMapper().writeValueAsString(formatter.toMap(KEY, error)));
    }

    @Test
    void pendingFigureHasMessageOfItsOwn() {
        UsageResult pending = UsageResult.pending(KEY, Instant.parse("2026-03-17T01:28:00Z"));
        UsageResponseFormatter enveloped = UsageResponseFormatter.enveloped();
        assertThat(enveloped.toMap(pending))
                .containsEntry("status", true)
                .containsEntry("message", "Organisation usage is being computed; try again soon");
        assertThat(enveloped.withPendingMessage("Wait").withMessage("Known").toMap(pending))
                .containsEntry("message", "Wait");
        assertThat(enveloped.withMessage("Known").toMap(pending))
                .as("the message of a known figure says nothing about a pending one")
                .containsEntry("message", "Organisation usage is being computed; try again soon");
    }

    @Test
    void zoneStandsAfterPeriodWhereItIsRequested() {
        UsageResult kolkata = UsageResult.pending(KEY, Instant.parse("2026-03-17T01:28:00Z"));
        UsageResult utc = UsageResult.pending(
                new UsageKey("org-123", UsagePeriod.parse("2026-03")), Instant.parse("2026-03-17T01:28:00Z"));
        UsageResponseFormatter formatter = UsageResponseFormatter.plain().withZone();
        assertThat(formatter.toJson(kolkata)).contains("\"period\":\"2026-03\",\"zone\":\"Asia/Kolkata\",\"pending\"");
        assertThat(formatter.toJson(utc)).contains("\"zone\":\"UTC\"");
        assertThat(formatter.withFreshness().toMap(utc)).containsKeys("zone", "status");
        assertThat(UsageResponseFormatter.plain().withFreshness().toMap(kolkata))
                .doesNotContainKey("zone");
    }
}
