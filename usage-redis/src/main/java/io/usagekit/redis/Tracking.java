package io.usagekit.redis;

import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** Invalidation messages of all servers that have figures. Thread-safe. */
interface Tracking {

    /** Whether one server has all figures, so that one command may read several. */
    boolean isOfOneServer();

    /**
     * Makes the first attempts to connect and waits for their ends, but no longer than this.
     *
     * @param patience how much longer the attempts may last before their delay counts as a loss
     */
    void open(Duration wait, Duration patience);

    /** Returns the connection on which a figure is to be read; null if its server can't track at present. */
    @Nullable
    TrackingConnection connection(UsageKey key);

    /**
     * Returns the validity that decides whether the figure in memory is current: that of the connection on which it has to have been read.
     * Null if it isn't current.
     */
    @Nullable
    TrackingValidity validity(UsageKey key);

    /** Whether the messages of all servers arrive. */
    boolean isValid(long now);

    void observe(UsageListener host);

    /** Closes the connections; waits for attempts in progress, but no longer than the command timeout, and then at most 2 s for the connections. */
    void close();
}
