package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OutageLogTest {

    private final CapturedLog log = new CapturedLog();
    private final OutageLog incident = new OutageLog("it went wrong", "it is well again");

    @AfterEach
    void close() {
        log.close();
    }

    @Test
    void itIsLoggedOnceWhenItBeginsAndOnceWhenItEnds() {
        for (int times = 0; times < 2; times++) {
            incident.ends();
            incident.begins(incident.turn(), "the first reason");
            incident.begins(incident.turn(), "another reason");
            incident.ends();
            incident.ends();
        }
        assertThat(log.lines("WARN"))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).endsWith("it went wrong: the first reason"));
        assertThat(log.lines("INFO"))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).endsWith("it is well again"));
    }

    @Test
    void aCallThatWasMadeBeforeTheEndDoesNotBeginItAgain() {
        long before = incident.turn();
        incident.begins(before, "reason");
        long during = incident.turn();
        incident.ends();

        incident.begins(before, "made before it began, failed after it was over");
        incident.begins(during, "made while it lasted, failed after it was over");

        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).hasSize(1);
    }
}
