package io.usagekit.redis.internal;

import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Connection on which wake-ups arrive. When it is asked for it proves that it answers, unless it did within a second; one that doesn't is replaced, and
 * one that can't be made is tried again. That there is none is logged by the connection for commands. Thread-safe; no method blocks but {@link #close}.
 */
public final class WakeUpConnection {

    /** How long a connection is taken to answer since it last did. */
    public static final long PROOF_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final Connector<StatefulRedisPubSubConnection<String, String>> connector;
    private final LivenessProbe<StatefulRedisPubSubConnection<String, String>> liveness;
    private final String server;
    private final OutageLog silence;
    /** When the connection last proved that it answers, in nanoseconds. */
    private volatile long proven = System.nanoTime();

    /**
     * Creates it without a connection.
     *
     * @param server its name, for messages
     * @param connect connects; blocks
     */
    public WakeUpConnection(
            String server,
            Function<WakeUpConnection, StatefulRedisPubSubConnection<String, String>> connect,
            Connections connections,
            ConnectionAttempt.Limits limits) {
        this.server = server;
        this.silence = new OutageLog(
                server
                        + " doesn't answer on the connection for wake-ups, which is replaced; loads that wait for other processes poll",
                server + " sends wake-ups again");
        this.connector = new Connector<>(() -> connect.apply(this), connections.failover(), limits);
        this.liveness = new LivenessProbe<>(
                connector,
                connections.commandTimeout(),
                connections.timeouts(),
                connection -> answered(),
                () -> silence.begin(
                        silence.state(),
                        "no answer to a PING within commandTimeout (" + connections.commandTimeout() + ")"));
    }

    /** Starts to connect, unless connected or connecting, and to probe a connection that hasn't proved for a second that it answers. */
    public void connect() {
        StatefulRedisPubSubConnection<String, String> connection = connection();
        // Of a connection in the making the confirmation of its subscription proves that it answers.
        if (connection != null && System.nanoTime() - proven >= PROOF_NANOS) {
            liveness.start(connection);
        }
    }

    /** Returns the connection, which may be broken; null if there is none yet. */
    public @Nullable StatefulRedisPubSubConnection<String, String> connection() {
        return connector.connection();
    }

    /** Whether there is a connection, and it isn't known to be broken. */
    boolean isOpen() {
        StatefulRedisPubSubConnection<String, String> connection = connection();
        return connection != null && connection.isOpen();
    }

    /** Returns the latest attempt to connect. */
    public CompletableFuture<StatefulRedisPubSubConnection<String, String>> attempt() {
        return connector.attempt();
    }

    /** Closes a connection, and starts an attempt to make another one, unless the last began within a second. */
    public void replace(StatefulRedisPubSubConnection<String, String> connection) {
        var unused = connector.replace(connection);
    }

    /** Takes note that the connection has answered, or begins the time within which it is to. */
    public void prove() {
        proven = System.nanoTime();
    }

    private void answered() {
        prove();
        silence.end();
    }

    /** Whether a silent connection has no successor so far that answers. */
    public boolean isSilent() {
        return silence.isOngoing();
    }

    /** Closes the connection to a server from which no wake-ups are expected any more; doesn't wait. */
    void retire() {
        silence.leave(server + " has no part in wake-ups any more");
        var unused = connector.retire();
    }

    /** Closes the connection, which the future waits for. */
    CompletableFuture<Void> closing() {
        silence.close();
        return connector.retire();
    }

    /** Closes the connection; waits for that at most {@link Connector#CLOSE_LIMIT}. */
    public void close() {
        Connector.await(closing());
    }
}
