package io.usagekit.spring.test.billing;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.spring.test.AutoConfigureInMemoryUsage;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.test.web.servlet.assertj.MockMvcTester;
import org.springframework.web.context.WebApplicationContext;

/** The test that the documentation quotes. */
// tag::quote
@SpringBootTest
@AutoConfigureInMemoryUsage
class BillingEndpointTest {

    private final InMemoryUsageCalculator calculator;
    private final ManualClock clock;
    private final MockMvcTester mvc;

    @Autowired
    BillingEndpointTest(InMemoryUsageCalculator calculator, ManualClock clock, WebApplicationContext context) {
        this.calculator = calculator;
        this.clock = clock;
        this.mvc = MockMvcTester.from(context);
    }

    @Test
    void aBillIsClosedOnceItsMonthIsOver() {
        clock.set("2026-03-31T23:00:00Z");
        calculator.received("org-123", clock.instant(), new UsageMetrics(5_000, 1_024));
        assertThat(mvc.get().uri("/bills/org-123/2026-03"))
                .bodyJson()
                .isLenientlyEqualTo("{'cents': 10, 'closed': false}");

        clock.advance(Duration.ofHours(1));
        assertThat(mvc.get().uri("/bills/org-123/2026-03"))
                .bodyJson()
                .isLenientlyEqualTo("{'cents': 10, 'closed': true}");
    }

    @Test
    void anOutageIsAProblem() {
        calculator.goDown();
        assertThat(mvc.get().uri("/bills/org-123/2026-03"))
                .hasStatus(503)
                .hasHeader("Retry-After", "1")
                .bodyJson()
                .extractingPath("$.error")
                .isEqualTo("calculation_failed");
    }
}
// end::quote
