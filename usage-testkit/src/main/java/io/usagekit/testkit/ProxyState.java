package io.usagekit.testkit;

import java.time.Duration;

/** What a {@link FaultyLink} does with connections and bytes. */
record LinkState(boolean refuses, boolean carriesRequests, boolean carriesResponses, long latencyNanos) {

    static final LinkState PASS = new LinkState(false, true, true, 0);
    static final LinkState CUT = new LinkState(true, false, false, 0);
    static final LinkState FREEZE = new LinkState(false, false, false, 0);
    static final LinkState FREEZE_REQUESTS = new LinkState(false, false, true, 0);
    static final LinkState FREEZE_RESPONSES = new LinkState(false, true, false, 0);

    static LinkState slow(Duration latency) {
        return new LinkState(false, true, true, latency.toNanos());
    }
}
