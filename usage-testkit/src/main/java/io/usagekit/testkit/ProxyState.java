package io.usagekit.testkit;

import java.time.Duration;

/** State of a {@link FaultyProxy}: what it does with connections and bytes. */
record ProxyState(boolean refuses, boolean forwardsRequests, boolean forwardsResponses, long latencyNanos) {

    static final ProxyState PASS = new ProxyState(false, true, true, 0);
    static final ProxyState CUT = new ProxyState(true, false, false, 0);
    static final ProxyState FREEZE = new ProxyState(false, false, false, 0);
    static final ProxyState FREEZE_REQUESTS = new ProxyState(false, false, true, 0);
    static final ProxyState FREEZE_RESPONSES = new ProxyState(false, true, false, 0);

    static ProxyState slow(Duration latency) {
        return new ProxyState(false, true, true, latency.toNanos());
    }
}
