package io.usagekit.redis;

import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Something that goes wrong call after call, and is logged once when it begins and once when it is over. */
final class Incident {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    private final AtomicBoolean lasts = new AtomicBoolean();
    private final String beginning;
    private final String end;

    Incident(String beginning, String end) {
        this.beginning = beginning;
        this.end = end;
    }

    void begins(String reason) {
        if (lasts.compareAndSet(false, true)) {
            LOG.warn("{}: {}", beginning, reason);
        }
    }

    void ends() {
        if (lasts.get() && lasts.compareAndSet(true, false)) {
            LOG.info(end);
        }
    }
}
