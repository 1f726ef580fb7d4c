package io.usagekit.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.CapturedLog;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ComputationIncidentsTest {

    private static final UsageKey ONE = key("org-1");
    private static final UsageKey OTHER = key("org-2");
    private final UsageCalculationException outage = new UsageCalculationException("no database", null);
    private final UsageCalculationException permanent = UsageCalculationException.permanent("no schema", null);

    private final CapturedLog log = new CapturedLog();
    private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1_000);
    private final ComputationIncidents incidents = new ComputationIncidents(nanos::get);

    private static UsageKey key(String organisation) {
        return new UsageKey(organisation, UsagePeriod.month(YearMonth.of(2026, 3)));
    }

    @AfterEach
    void close() {
        log.close();
    }

    private void fails(UsageKey key, Throwable error) {
        incidents.failed(key, error, incidents.state());
    }

    private void succeeds(UsageKey key) {
        incidents.succeeded(key, incidents.state());
    }

    private void assertLines(int warnings, int infos) {
        assertThat(log.lines("WARN")).hasSize(warnings);
        assertThat(log.lines("INFO")).hasSize(infos);
    }

    @Test
    void logsAFigureThatKeepsFailingAmongOthersOnceInAWhile() {
        for (int i = 0; i < 50; i++) {
            fails(ONE, outage);
            succeeds(OTHER);
        }
        assertLines(1, 1);

        nanos.addAndGet(ComputationIncidents.MEMORY.toNanos());
        fails(ONE, outage);
        succeeds(OTHER);
        assertLines(2, 2);
    }

    @Test
    void logsAnOutageThatFollowsWhileAFigureKeepsFailing() {
        fails(ONE, outage);
        succeeds(OTHER);
        fails(ONE, outage);
        fails(OTHER, outage);
        assertLines(2, 1);
    }

    @Test
    void logsTheFirstErrorThatNoRetryCuresOfAFigureThatKeepsFailing() {
        fails(ONE, outage);
        succeeds(OTHER);
        fails(ONE, permanent);
        assertLines(2, 1);
    }

    @Test
    void ignoresResultsOfComputationsThatStartedBeforeTheLastChange() {
        long before = incidents.state();
        fails(ONE, outage);
        incidents.succeeded(OTHER, before);
        assertLines(1, 0);

        long during = incidents.state();
        succeeds(ONE);
        incidents.failed(ONE, outage, during);
        assertLines(1, 1);

        fails(ONE, outage);
        assertLines(2, 1);
    }

    @Test
    void remembersAnErrorThatNoRetryCuresUntilTheFigureIsComputed() {
        assertThat(incidents.permanentFailure(ONE)).isEmpty();
        fails(ONE, outage);
        assertThat(incidents.permanentFailure(ONE)).isEmpty();
        fails(ONE, permanent);
        assertThat(incidents.permanentFailure(ONE)).containsSame(permanent);
        assertThat(incidents.permanentFailure(OTHER)).isEmpty();
        succeeds(OTHER);
        assertThat(incidents.permanentFailure(ONE)).containsSame(permanent);
        succeeds(ONE);
        assertThat(incidents.permanentFailure(ONE)).isEmpty();

        fails(ONE, permanent);
        nanos.addAndGet(ComputationIncidents.MEMORY.toNanos());
        assertThat(incidents.permanentFailure(ONE))
                .as("after " + Duration.ofMinutes(10))
                .isEmpty();
    }

    @Test
    void aFailureLastsUntilAnyComputationThatStartedLaterSucceeds() {
        long before = incidents.state();
        fails(ONE, permanent);
        assertThat(incidents.lastingFailure(ONE)).containsSame(permanent);
        assertThat(incidents.lastingFailure(OTHER)).isEmpty();
        incidents.succeeded(OTHER, before);
        assertThat(incidents.lastingFailure(ONE))
                .as("after a success of a computation that started before")
                .containsSame(permanent);
        succeeds(OTHER);
        assertThat(incidents.lastingFailure(ONE)).isEmpty();

        fails(OTHER, outage);
        assertThat(incidents.lastingFailure(ONE)).as("in another incident").isEmpty();
        fails(ONE, permanent);
        assertThat(incidents.lastingFailure(ONE)).containsSame(permanent);
        fails(ONE, outage);
        assertThat(incidents.lastingFailure(ONE))
                .as("not the last one any more")
                .isEmpty();
        fails(ONE, permanent);
        nanos.addAndGet(ComputationIncidents.MEMORY.toNanos());
        assertThat(incidents.lastingFailure(ONE)).as("too long ago").isEmpty();
    }

    @Test
    void describesTheDeepestCause() {
        Exception root = new IllegalStateException("connection refused");
        assertThat(ComputationIncidents.describe(new Exception("can't be computed", new Exception(null, root))))
                .isEqualTo("can't be computed; cause: IllegalStateException: connection refused");
        assertThat(ComputationIncidents.describe(new Exception("failed: connection refused", root)))
                .isEqualTo("failed: connection refused");
        assertThat(ComputationIncidents.describe(new Exception("no message below", new Exception())))
                .isEqualTo("no message below");
        assertThat(ComputationIncidents.describe(new Exception())).isEqualTo("java.lang.Exception");
    }
}
