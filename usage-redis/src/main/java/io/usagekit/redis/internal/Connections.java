package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Predicate;

/** Connections to what stores the keys: to one server, or to the nodes of a cluster. Thread-safe; no method blocks but those that say so. */
public interface Connections {

    /**
     * Makes the first attempts to connect, and waits for their end, but no longer than this.
     *
     * @throws IllegalArgumentException if the client was created without an address
     */
    void open(Duration wait);

    /**
     * Sends commands that are answered together, on the connection for their key. It fails with {@link UsageCacheException}: at once while
     * there is no connection, and after the command timeout.
     *
     * @param key the key of the commands; other keys are in its hash slot
     * @param served whether an answer shows that the server serves this purpose, e.g. because it has written
     * @param commands sends them; called again where another server has the key by now
     */
    <T> CompletionStage<T> dispatch(
            String key, Purpose purpose, Predicate<T> served, Function<Link, CompletableFuture<T>> commands);

    /** Sends commands as {@link #dispatch} does, whose answer shows that their purpose is served. */
    default <T> CompletionStage<T> send(String key, Purpose purpose, Function<Link, CompletableFuture<T>> commands) {
        return dispatch(key, purpose, answer -> true, commands);
    }

    /** Whether a command may have keys of different hash slots. */
    boolean areOfOneServer();

    /** Takes note that the server has refused a command with keys of different hash slots. */
    default void refusesSeveralSlots() {}

    /** Whether publications may be sharded: nodes pass those on among themselves that have the channel's hash slot. */
    default boolean areSharded() {
        return false;
    }

    /** Whether the server that has a key refuses scripts, so that none is to be sent to it at present. */
    boolean refusesScripts(String key);

    /** Connects for publications, to any server that receives them; blocks. */
    StatefulRedisPubSubConnection<String, String> connectPubSub();

    /** Whether a connection for publications leads to a server that still receives them, as one doesn't that has left its cluster. */
    boolean receivesPublications(StatefulRedisPubSubConnection<String, String> connection);

    /** How long a command may take. */
    Duration commandTimeout();

    /** The host's client. */
    AbstractRedisClient client();

    /** Timeouts on the client's executor. */
    default Timeouts timeouts() {
        return Timeouts.of(client());
    }

    /** What the connections know of failovers. */
    default Failover failover() {
        return Failover.of(client());
    }

    /** Whether all servers were reachable when they were last called; tries nothing by itself. */
    boolean isAvailable();

    /** Closes the connections; waits for them at most {@link Connector#CLOSE_LIMIT}. Idempotent. */
    void close();
}
