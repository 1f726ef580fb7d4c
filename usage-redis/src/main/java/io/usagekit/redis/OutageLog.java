package io.usagekit.redis;

import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Something that goes wrong call after call, and is logged once when it begins and once when it is over. */
final class OutageLog {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** How many times it has begun or ended: odd while it lasts. */
    private final AtomicLong turns = new AtomicLong();

    private final String beginning;
    private final String end;

    OutageLog(String beginning, String end) {
        this.beginning = beginning;
        this.end = end;
    }

    /** To be asked before the call whose failure may begin it. */
    long turn() {
        return turns.get();
    }

    /**
     * Unless it lasts, or has ended since that turn: a call that was made before then says nothing of now.
     *
     * @return whether it has begun by this
     */
    boolean begins(long since, String reason) {
        if (since % 2 == 0 && turns.compareAndSet(since, since + 1)) {
            LOG.warn("{}: {}", beginning, reason);
            return true;
        }
        return false;
    }

    /** Whether it has ended by this. */
    boolean ends() {
        long now = turns.get();
        if (now % 2 == 1 && turns.compareAndSet(now, now + 1)) {
            LOG.info(end);
            return true;
        }
        return false;
    }
}
