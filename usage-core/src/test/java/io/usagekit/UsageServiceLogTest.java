package io.usagekit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a service logs when computations fail: an incident once, whatever the number of figures and calls. */
class UsageServiceLogTest {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGS =
            IntStream.range(0, 20).mapToObj(i -> "org-" + i).toList();

    private final CapturedLog log = new CapturedLog();
    private final TestPorts ports = new TestPorts();
    private final UsageService service = UsageService.builder(ports)
            .cache(ports.cache)
            .listener(ports.events)
            .ticker(ports.ticker)
            .build();

    @AfterEach
    void close() {
        ports.release();
        service.close();
        log.close();
    }

    @Test
    void logsOneIncidentOfManyFiguresAndCallsWithItsRootCause() {
        for (int incident = 1; incident <= 2; incident++) {
            ports.failWith(new UsageCalculationException(
                    "the usage can't be computed",
                    new IllegalStateException("pool", new Exception("connection refused"))));
            for (int calls = 0; calls < 5; calls++) {
                for (String org : ORGS) {
                    assertThatExceptionOfType(UsageCalculationException.class)
                            .isThrownBy(() -> service.get(org, MARCH));
                }
                ports.advance(Duration.ofSeconds(2));
            }
            assertThat(log.lines("WARN")).hasSize(incident).last().asString().contains("connection refused");

            ports.recover();
            ORGS.forEach(org -> service.refresh(org, MARCH));
            assertThat(log.lines("INFO")).hasSize(incident).last().asString().contains("computed again");
            ORGS.forEach(org -> service.invalidate(org, MARCH));
        }
        assertThat(ports.calls()).as("failed and other computations").isGreaterThan(2 * 5 * ORGS.size());
        assertThat(log.text())
                .as("the cause and its stack")
                .contains("Caused by: java.lang.Exception: connection refused");
    }

    @Test
    void logsAnIncidentThatStaleFiguresHide() {
        ORGS.forEach(org -> service.get(org, MARCH));
        ports.advance(Duration.ofMinutes(9));
        ports.failPermanently();
        for (String org : ORGS) {
            assertThat(service.get(org, MARCH).freshness()).isEqualTo(Freshness.STALE);
        }
        ports.events.awaitLoads();
        assertThat(log.lines("WARN"))
                .singleElement()
                .asString()
                .contains("no retry will cure")
                .contains("there is no schema \"app\"");
    }

    @Test
    void logsOnceMoreWhenAnErrorThatNoRetryCuresFollowsAnOutage() {
        ports.fail();
        ORGS.forEach(org -> assertThatExceptionOfType(UsageException.class).isThrownBy(() -> service.get(org, MARCH)));
        ports.failPermanently();
        ports.advance(Duration.ofSeconds(2));
        ORGS.forEach(org -> assertThatExceptionOfType(UsageException.class).isThrownBy(() -> service.get(org, MARCH)));
        assertThat(log.lines("WARN")).hasSize(2);
        assertThat(log.lines("WARN").get(0)).doesNotContain("no retry").contains("no database");
        assertThat(log.lines("WARN").get(1)).contains("no retry").contains("there is no schema");
    }

    @Test
    void logsNoPassword() {
        Exception driver =
                new Exception("can't parse jdbc:postgresql://app:top-secret@db/app?user=u&password=top-secret");
        ports.failWith(new UsageCalculationException("no connection: " + driver.getMessage(), driver));
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> service.get(ORGS.get(0), MARCH))
                .withMessageNotContaining("top-secret");
        assertThat(log.lines("WARN")).singleElement().asString().contains("can't parse jdbc:postgresql://app:****@");
        assertThat(log.text()).doesNotContain("top-secret");
    }

    /** Each call looks into memory twice. */
    @Test
    void logsOnceThatLooksIntoMemoryThrow() {
        for (int incident = 1; incident <= 2; incident++) {
            ports.cache.breakMemory(true);
            ORGS.forEach(org -> service.get(org, MARCH));
            assertThat(log.text().lines().filter(line -> line.contains("threw on a look into its memory")))
                    .hasSize(incident);
            ports.cache.breakMemory(false);
            service.get(ORGS.get(0), MARCH);
        }
    }

    @Test
    void logsNothingWhileComputationsSucceedOrAreRefused() {
        ORGS.forEach(org -> service.get(org, MARCH));
        assertThat(log.text()).isEmpty();
    }
}
