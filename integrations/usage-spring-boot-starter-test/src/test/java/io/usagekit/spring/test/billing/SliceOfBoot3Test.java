package io.usagekit.spring.test.billing;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.spring.test.AutoConfigureInMemoryUsage;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.autoconfigure.web.servlet.WebMvcTest;
import org.springframework.test.web.servlet.assertj.MockMvcTester;

/** The endpoint in a slice of Spring Boot 3; {@code verification/hosts/starter-test-boot-4} has that of Spring Boot 4. */
@WebMvcTest(BillingController.class)
@AutoConfigureInMemoryUsage
class SliceOfBoot3Test {

    @Test
    void aSliceHasTheServiceAndItsProblems(
            @Autowired MockMvcTester mvc, @Autowired InMemoryUsageCalculator calculator) {
        calculator.received("org-123", Instant.parse("2026-03-01T00:00:00Z"), new UsageMetrics(5_000, 1_024));
        assertThat(mvc.get().uri("/bills/org-123/2026-03"))
                .bodyJson()
                .extractingPath("$.cents")
                .isEqualTo(10);

        calculator.goDown();
        assertThat(mvc.get().uri("/bills/org-124/2026-03")).hasStatus(503).hasHeader("Retry-After", "1");
    }
}
