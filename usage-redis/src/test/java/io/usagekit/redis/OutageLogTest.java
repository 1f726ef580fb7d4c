package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.OutageLog;
import java.util.concurrent.CompletableFuture;
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

    @Test
    void logsOnceForLogsOfTheSameIncident() {
        OutageLog.Incident incident = new OutageLog.Incident();
        OutageLog cache = new OutageLog("Redis is away", "Redis is back", incident);
        OutageLog flights = new OutageLog("Redis is away", "Redis is back", incident);
        for (int times = 0; times < 2; times++) {
            cache.begin(cache.state(), "reason");
            flights.begin(flights.state(), "reason");
            cache.end();
            flights.end();
        }
        assertThat(log.lines("WARN")).hasSize(2);
        assertThat(log.lines("INFO")).hasSize(2);

        flights.begin(flights.state(), "reason");
        flights.close();
        cache.begin(cache.state(), "reason");
        assertThat(log.lines("WARN")).as("after the first one was closed").hasSize(4);
    }

    /** The connection to a node that left its cluster is closed after a new one to the same address may have been lost. */
    @Test
    void leavesTheEndToOtherLogsOfTheSameIncident() {
        OutageLog.Incident incident = new OutageLog.Incident();
        for (boolean isClosed : new boolean[] {false, true}) {
            OutageLog former = new OutageLog("Redis is away", "Redis is back", incident);
            OutageLog present = new OutageLog("Redis is away", "Redis is back", incident);
            former.begin(former.state(), "reason");
            present.begin(present.state(), "reason");
            int ends = log.lines("INFO").size();
            if (isClosed) {
                former.close();
            } else {
                former.leave("Redis has left");
            }
            assertThat(log.lines("INFO")).as("the outage lasts").hasSize(ends);
            present.end();
            assertThat(log.lines("INFO")).hasSize(ends + 1).last().asString().endsWith("Redis is back");
        }
        outage.begin(outage.state(), "reason");
        outage.leave("Redis has left");
        assertThat(log.lines("INFO")).last().asString().endsWith("Redis has left");
    }

    @Test
    void logsTheRootCauseOnceItIsKnownAndBeforeTheEnd() {
        UsageCacheException unknown = new UsageCacheException("no connection", null);
        CompletableFuture<Void> diagnosis = new CompletableFuture<>();
        outage.begin(outage.state(), unknown, diagnosis);
        assertThat(log.lines("WARN")).isEmpty();
        diagnosis.completeExceptionally(UsageCacheException.permanent("no connection: WRONGPASS", null));
        assertThat(log.lines("WARN")).singleElement().asString().endsWith("no connection: WRONGPASS");
        outage.end();

        outage.begin(outage.state(), unknown, new CompletableFuture<Void>());
        outage.end();
        assertThat(log.lines("WARN")).hasSize(2).last().asString().endsWith("no connection");
        assertThat(log.lines("INFO")).hasSize(2);
    }

    @Test
    void logsOnceMoreWhenAnErrorThatNoRetryCuresFollows() {
        outage.begin(outage.state(), new UsageCacheException("refused", null));
        for (int times = 0; times < 2; times++) {
            outage.begin(outage.state(), UsageCacheException.permanent("WRONGPASS", null));
            outage.begin(outage.state(), new UsageCacheException("refused", null));
        }
        assertThat(log.lines("WARN")).hasSize(2).last().asString().endsWith("WRONGPASS");
    }
}
