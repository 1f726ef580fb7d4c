package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import java.time.Duration;
import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;

/**
 * What the connections of one client know of failovers. A server that refuses a write as read-only has become a replica, and the
 * client's address may lead to its successor by now. So every connection made before that refusal is replaced, those included that only
 * read: a replica serves figures that have been replaced or invalidated. If the address still leads to a read-only server, connections are
 * replaced again after 1 s, 2 s and so on, up to a minute. Thread-safe.
 */
public final class Failover {

    private static final Duration SHORTEST = Duration.ofSeconds(1);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private static final Map<AbstractRedisClient, Failover> OF_CLIENTS =
            Collections.synchronizedMap(new WeakHashMap<>());

    /**
     * Present knowledge.
     *
     * @param epoch number of replacements so far
     * @param since when the last one began, in nanoseconds
     * @param pause time from the last one to the next; zero once a write has succeeded
     */
    private record State(long epoch, long since, Duration pause) {

        State next(long now) {
            Duration twice = pause.isZero() ? SHORTEST : pause.multipliedBy(2);
            return new State(epoch + 1, now, twice.compareTo(LONGEST) < 0 ? twice : LONGEST);
        }
    }

    private volatile State state = new State(0, 0, Duration.ZERO);

    /** Returns the one that all connections of this client share. */
    public static Failover of(AbstractRedisClient client) {
        return OF_CLIENTS.computeIfAbsent(client, same -> new Failover());
    }

    /** Returns the present epoch. A connection is to be replaced once the epoch is later than the one in which its attempt began. */
    public long epoch() {
        return state.epoch();
    }

    /**
     * Takes note that a server is read-only.
     *
     * @param epoch the one in which the connection to it began
     * @return whether that connection is to be replaced now
     */
    public synchronized boolean readOnly(long epoch) {
        State last = state;
        if (epoch < last.epoch()) {
            return true;
        }
        long now = System.nanoTime();
        boolean isDue =
                last.pause().isZero() || now - last.since() >= last.pause().toNanos();
        if (isDue) {
            state = last.next(now);
        }
        return isDue;
    }

    /** Whether the last write that was tried on a server of the present epoch or before was refused as read-only. */
    public boolean isReadOnly() {
        return !state.pause().isZero();
    }

    /** Takes note that a write has succeeded: the next failover is not the one before. */
    public void writable() {
        if (!state.pause().isZero()) {
            allowNext();
        }
    }

    private synchronized void allowNext() {
        state = new State(state.epoch(), state.since(), Duration.ZERO);
    }
}
