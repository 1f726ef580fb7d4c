package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import java.util.function.Predicate;

/** One connection, to the server that the host's client leads to; which has all keys. */
public final class OneServer implements Connections {

    private final RedisClient client;
    private final GuardedConnection connection;
    private volatile boolean refusesSeveralSlots;

    /** Creates it without a connection. */
    public OneServer(RedisClient client, Duration commandTimeout, ConnectionAttempt.Limits limits) {
        this.client = client;
        this.connection = new GuardedConnection(Server.of(client), commandTimeout, limits);
    }

    @Override
    public void open(Duration wait) {
        connection.open(wait);
    }

    @Override
    public <T> CompletionStage<T> dispatch(
            String key, Purpose purpose, Predicate<T> served, Function<Link, CompletableFuture<T>> commands) {
        return connection.dispatch(purpose, served, commands);
    }

    @Override
    public boolean areOfOneServer() {
        return !refusesSeveralSlots;
    }

    /** It is a node of a cluster that has all slots, or is behind a proxy. */
    @Override
    public void refusesSeveralSlots() {
        refusesSeveralSlots = true;
    }

    @Override
    public boolean refusesScripts(String key) {
        return connection.refusesScripts();
    }

    @Override
    public StatefulRedisPubSubConnection<String, String> connectPubSub() {
        return client.connectPubSub(StringCodec.UTF8);
    }

    @Override
    public boolean receivesPublications(StatefulRedisPubSubConnection<String, String> connection) {
        return true;
    }

    @Override
    public Duration commandTimeout() {
        return connection.commandTimeout();
    }

    @Override
    public AbstractRedisClient client() {
        return client;
    }

    @Override
    public boolean isAvailable() {
        return connection.isAvailable();
    }

    @Override
    public void close() {
        connection.close();
    }
}
