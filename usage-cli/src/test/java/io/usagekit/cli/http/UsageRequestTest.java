package io.usagekit.cli.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.usagekit.UsagePeriod;
import java.net.URI;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class UsageRequestTest {

    private static UsageRequest read(String target) {
        URI uri = URI.create(target);
        return UsageRequest.of(UsageRequest.organisation(uri.getRawPath()).orElseThrow(), uri.getRawQuery());
    }

    @ParameterizedTest
    @CsvSource({
        "org-123, org-123",
        "a%2Fb, a/b",
        "a:b, a:b",
        "%7Ba%7D, {a}",
        "100%25, 100%",
        "a%20b, 'a b'",
        "a+b, a+b",
        "%F0%9F%9A%80, 🚀",
        "%61, a",
        "a%2fb%2FB, a/b/B",
        "., .",
    })
    void anOrganisationMayHoldAnything(String encoded, String organisation) {
        assertThat(read("/organisations/" + encoded + "/usage?period=2026-03")
                        .key()
                        .organisationId())
                .isEqualTo(organisation);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/organisations",
                "/organisations/a",
                "/organisations/a/usage/",
                "/organisations/a/b/usage",
                "/organisation/a/usage",
                "/x/organisations/a/usage",
                "/organisations/a/Usage",
                "organisations/a/usage"
            })
    void otherPathsArentOurs(String path) {
        assertThat(UsageRequest.organisation(path)).isEmpty();
    }

    @Test
    void readsAllParameters() {
        UsageRequest request = read(
                "/organisations/a/usage?from=2026-03-01&to=2026-03-02T00:00:00%2B05:30&zone=Asia/Kolkata&freshness=true");

        assertThat(request.withFreshness()).isTrue();
        assertThat(request.key().period())
                .isEqualTo(UsagePeriod.between(
                        Instant.parse("2026-02-28T18:30:00Z"), Instant.parse("2026-03-01T18:30:00Z")));
        assertThat(read("/organisations/a/usage?period=2026-03").withFreshness())
                .isFalse();
        assertThat(read("/organisations/a/usage?period=2026-03&freshness=false").withFreshness())
                .isFalse();
    }

    @Test
    void aPlusSignIsThatOfAnOffset() {
        assertThat(read("/organisations/a/usage?from=2026-03-01T00:00:00+05:30&to=2026-03-02T00:00:00Z")
                        .key()
                        .period()
                        .start())
                .isEqualTo(Instant.parse("2026-02-28T18:30:00Z"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a||either period, or from and to, must be given",
                "a|from=2026-03-01|to is missing",
                "a|period=2026-03&from=2026-03-01&to=2026-03-02|but not both",
                "a|period=2026-13|2026-13",
                "a|period=|period must be",
                "a|period|period must be",
                "a|period=2026-03&period=2026-04|period is given twice",
                "a|period=2026-03&perod=x|there is no parameter 'perod'",
                "a|period=2026-03&freshness=yes|freshness must be true or false",
                "a|period=2026-03&zone=Mars|zone must be",
                "a|from=2026-03-02&to=2026-03-01|start must be before end",
                "a|from=2025-01-01&to=2026-03-01|at most 366 days",
                "''|period=2026-03|must not be blank",
                "%20|period=2026-03|must not be blank",
                "%00|period=2026-03|U+0000",
                "%ED%A0%80|period=2026-03|percent-encoded UTF-8",
                "%FF|period=2026-03|percent-encoded UTF-8",
                "%F|period=2026-03|percent-encoded UTF-8",
                "%|period=2026-03|percent-encoded UTF-8",
                "%zz|period=2026-03|percent-encoded UTF-8",
                "é|period=2026-03|percent-encoded UTF-8",
            })
    void anythingElseIsRejected(String organisation, String query, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsageRequest.of(organisation, query))
                .withMessageContaining(message);
    }

    @Test
    void anOrganisationOfTenKilobytesIsRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> UsageRequest.of("x".repeat(10_000), "period=2026-03"))
                .withMessageContaining("at most 255 characters");
    }
}
