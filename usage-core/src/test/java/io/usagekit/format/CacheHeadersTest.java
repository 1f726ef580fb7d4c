package io.usagekit.format;

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
import java.time.ZoneId;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CacheHeadersTest {

    private static final UsagePeriod JANUARY = UsagePeriod.month(YearMonth.of(2026, 1));
    private static final UsageKey KEY = new UsageKey("org-123", JANUARY);
    private static final Instant COMPUTED = Instant.parse("2026-03-17T01:28:00.123456Z");
    private static final OrganisationUsage USAGE = usage("org-123", JANUARY, 100, COMPUTED);

    @ParameterizedTest
    @CsvSource({"0, 60000, 60", "1, 60000, 59", "59001, 60000, 0", "60000, 60000, 0", "70000, 60000, 0"})
    void keepsFreshFigureForRestOfItsFreshLife(long ageMillis, long freshUntilMillis, long maxAge) {
        UsageResult result = UsageResult.fresh(
                new AgedUsage(USAGE, Duration.ofMillis(ageMillis)), Duration.ofMillis(freshUntilMillis));
        assertThat(CacheHeaders.of(result).cacheControl()).isEqualTo("private, max-age=" + maxAge);
    }

    @Test
    void revalidatesStaleFigures() {
        AgedUsage figure = new AgedUsage(USAGE, Duration.ofMinutes(2));
        for (UsageResult result : List.of(UsageResult.stale(figure), UsageResult.staleOnError(figure))) {
            assertThat(CacheHeaders.of(result).cacheControl()).isEqualTo("private, no-cache");
            assertThat(CacheHeaders.of(result).etag()).isEqualTo(fresh(USAGE).etag());
        }
    }

    @Test
    void neverStoresPendingAnswer() {
        CacheHeaders headers = CacheHeaders.of(UsageResult.pending(KEY, COMPUTED));
        assertThat(headers.toMap()).isEqualTo(Map.of("Cache-Control", "no-store"));
        assertThat(headers.isNotModified("*"))
                .as("there is nothing that could be unmodified")
                .isFalse();
        assertThat(headers.isNotModified(fresh(USAGE).etag().orElseThrow())).isFalse();
    }

    @Test
    void namesBothHeaders() {
        CacheHeaders headers = fresh(USAGE);
        assertThat(headers.toMap().keySet()).containsExactly("Cache-Control", "ETag");
        assertThat(headers.toMap().get("ETag")).matches("W/\"[0-9a-f]{32}\"");
    }

    @Test
    void tagsDifferWhereverFiguresDo() {
        UsagePeriod london = UsagePeriod.month(YearMonth.of(2026, 1), ZoneId.of("Europe/London"));
        UsagePeriod window = UsagePeriod.between(JANUARY.start(), JANUARY.end());
        Stream<OrganisationUsage> others = Stream.of(
                usage("org-124", JANUARY, 100, COMPUTED),
                usage("org-123", JANUARY.next(), 100, COMPUTED),
                usage("org-123", london, 100, COMPUTED),
                usage("org-123", window, 100, COMPUTED),
                usage("org-123", JANUARY, 101, COMPUTED),
                usage("org-123", JANUARY, 100, COMPUTED.plusNanos(1_000)),
                new OrganisationUsage(KEY, USAGE.sent(), USAGE.received(), COMPUTED),
                new OrganisationUsage(KEY, new UsageMetrics(1_024, 100), USAGE.sent(), COMPUTED));
        assertThat(Stream.concat(Stream.of(USAGE), others)
                        .map(usage -> fresh(usage).etag()))
                .doesNotHaveDuplicates()
                .hasSize(9);
    }

    @Test
    void tagOfOneComputationStaysAsItAges() {
        assertThat(CacheHeaders.of(UsageResult.fresh(new AgedUsage(USAGE, Duration.ofMinutes(9))))
                        .etag())
                .isEqualTo(fresh(USAGE).etag());
        assertThat(fresh(usage("org-123", UsagePeriod.parse("2026-01"), 100, COMPUTED))
                        .etag())
                .as("an equal figure of the same name")
                .isEqualTo(fresh(USAGE).etag());
    }

    @Test
    void recognisesItsTagInIfNoneMatch() {
        CacheHeaders headers = fresh(USAGE);
        String tag = headers.etag().orElseThrow();
        for (String match :
                List.of(tag, tag.substring(2), "\"other\", " + tag, "W/\"a,b\" ,\t" + tag + ", \"c\"", " * ")) {
            assertThat(headers.isNotModified(match)).as(match).isTrue();
        }
        for (String other : List.of("", "\"other\"", tag.replace("W/\"", "W/\"0"), tag.replace("\"", ""), "W/")) {
            assertThat(headers.isNotModified(other)).as(other).isFalse();
        }
    }

    private static CacheHeaders fresh(OrganisationUsage usage) {
        return CacheHeaders.of(UsageResult.fresh(new AgedUsage(usage, Duration.ZERO), Duration.ofMinutes(1)));
    }

    private static OrganisationUsage usage(String organisationId, UsagePeriod period, long volume, Instant computed) {
        return new OrganisationUsage(
                new UsageKey(organisationId, period),
                new UsageMetrics(volume, 1_024),
                new UsageMetrics(50, 512),
                computed);
    }
}
