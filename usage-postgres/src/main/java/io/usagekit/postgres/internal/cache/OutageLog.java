package io.usagekit.postgres.internal.cache;

import io.usagekit.UsageCache.Condition;
import io.usagekit.UsageCacheException;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs an outage once when it begins and once when it ends, however many calls fail in between. Thread-safe. */
final class OutageLog {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");

    private final String done;

    /** Number of beginnings and ends so far: odd during an outage. */
    private final AtomicLong changes = new AtomicLong();

    private volatile boolean answered;

    /**
     * A log without an outage.
     *
     * @param done what can't be done during an outage, a participle
     */
    OutageLog(String done) {
        this.done = done;
    }

    /** Returns the state to pass on; to be read before the call. */
    long state() {
        return changes.get();
    }

    /** Begins an outage, unless one lasts or has ended since that state: an older call says nothing about the present. */
    void failed(long since, UsageCacheException error) {
        if (since % 2 == 0 && changes.compareAndSet(since, since + 1)) {
            String lasting = error.isTransient() ? "" : ", and no retry will cure that";
            LOG.warn("shared usage figures can't be {} in PostgreSQL{}: {}", done, lasting, error.getMessage(), error);
        }
    }

    /** Ends the outage that lasted when the call began, if it lasts. */
    void succeeded(long since) {
        answered = true;
        if (since % 2 == 1 && changes.compareAndSet(since, since + 1)) {
            LOG.info("shared usage figures are {} in PostgreSQL again", done);
        }
    }

    /** Whether it works, as far as calls have shown. */
    Condition condition() {
        if (changes.get() % 2 == 1) {
            return Condition.DOWN;
        }
        return answered ? Condition.UP : Condition.UNKNOWN;
    }
}
