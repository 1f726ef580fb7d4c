package io.usagekit.redis;

import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs an outage once when it begins and once when it ends, however many calls fail in between. */
final class OutageLog {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** Number of beginnings and ends so far: odd during an outage. */
    private final AtomicLong changes = new AtomicLong();

    private final String beginning;
    private final String end;

    /**
     * Creates a log without an outage.
     *
     * @param beginning what to log when an outage begins, before its reason
     * @param end what to log when an outage ends
     */
    OutageLog(String beginning, String end) {
        this.beginning = beginning;
        this.end = end;
    }

    /** Returns the state to hand to {@link #begin}; to be read before the call whose failure may begin an outage. */
    long state() {
        return changes.get();
    }

    /**
     * Begins an outage, unless one lasts or one has begun or ended since that state: the result of an older call says nothing
     * about the present.
     *
     * @return whether this call has begun it
     */
    boolean begin(long since, String reason) {
        if (since % 2 == 0 && changes.compareAndSet(since, since + 1)) {
            LOG.warn("{}: {}", beginning, reason);
            return true;
        }
        return false;
    }

    /** Whether an outage lasts. */
    boolean isOngoing() {
        return changes.get() % 2 == 1;
    }

    /**
     * Ends the outage, if there is one.
     *
     * @return whether this call has ended it
     */
    boolean end() {
        long now = changes.get();
        if (now % 2 == 1 && changes.compareAndSet(now, now + 1)) {
            LOG.info(end);
            return true;
        }
        return false;
    }
}
