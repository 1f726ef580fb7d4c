package io.usagekit.redis;

import io.usagekit.UsageListener;
import io.usagekit.redis.internal.OutageLog;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reports once that invalidation messages of a server don't arrive, and once that they do again: to the log and to the host's listener. */
final class TrackingLoss {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    private final String server;
    private final OutageLog log;
    /** Reason of a loss of which the listener has not been notified yet. */
    private final AtomicReference<@Nullable String> unreported = new AtomicReference<>();

    private volatile @Nullable UsageListener listener;

    TrackingLoss(String server) {
        this.server = server;
        this.log = new OutageLog(
                "the near cache receives no invalidation messages from " + server
                        + ", whose figures are fallback copies until it can track again",
                "the near cache receives invalidation messages from " + server + " again");
    }

    /** Sets the host's listener, which is notified of a loss that has begun before. */
    void observe(UsageListener host) {
        listener = host;
        notifyLoss();
    }

    void begin(String reason) {
        if (log.begin(log.state(), reason)) {
            unreported.set(server + ": " + reason);
            notifyLoss();
        }
    }

    void end() {
        notifyEnd(hasEnded(log::end));
    }

    /** Ends the loss, if there is one, for another reason than that messages arrive. */
    void leave(String reason) {
        notifyEnd(hasEnded(() -> log.leave(reason)));
    }

    private synchronized boolean hasEnded(Runnable end) {
        boolean lasted = log.isOngoing();
        end.run();
        return lasted;
    }

    private void notifyEnd(boolean hasEnded) {
        UsageListener host = listener;
        if (hasEnded && unreported.getAndSet(null) == null && host != null) {
            notify(host::trackingRestored);
        }
    }

    private void notifyLoss() {
        UsageListener host = listener;
        if (host == null) {
            return;
        }
        String reason = unreported.getAndSet(null);
        if (reason != null) {
            notify(() -> host.trackingLost(reason));
        }
    }

    private static void notify(Runnable event) {
        try {
            event.run();
        } catch (Throwable e) {
            LOG.warn("the usage listener threw in trackingLost or trackingRestored; the exception is ignored", e);
        }
    }
}
