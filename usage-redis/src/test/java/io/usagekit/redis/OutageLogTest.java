package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OutageLogTest {

    private final CapturedLog log = new CapturedLog();
    private final OutageLog outage = new OutageLog("Redis is away", "Redis is back");

    @AfterEach
    void close() {
        log.close();
    }

    @Test
    void logsOncePerBeginningAndEnd() {
        for (int times = 0; times < 2; times++) {
            outage.end();
            outage.begin(outage.state(), "the first reason");
            outage.begin(outage.state(), "another reason");
            outage.end();
            outage.end();
        }
        assertThat(log.lines("WARN"))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).endsWith("Redis is away: the first reason"));
        assertThat(log.lines("INFO"))
                .hasSize(2)
                .allSatisfy(line -> assertThat(line).endsWith("Redis is back"));
    }

    @Test
    void beginsNoOutageByCallMadeBeforeTheLastEnd() {
        long before = outage.state();
        outage.begin(before, "reason");
        long during = outage.state();
        outage.end();

        outage.begin(before, "called before the outage, failed after it");
        outage.begin(during, "called during the outage, failed after it");

        assertThat(log.lines("WARN")).hasSize(1);
        assertThat(log.lines("INFO")).hasSize(1);
    }
}
