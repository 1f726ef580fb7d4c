package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.StringCodec;
import java.util.concurrent.CompletableFuture;

/** Server that sends invalidation messages: one by itself, or a master of a cluster. */
interface TrackedServer {

    /** Returns its name, for messages. */
    String name();

    /** Connects; blocks. */
    StatefulRedisConnection<String, String> connect();

    /**
     * Sends the command of a heartbeat.
     *
     * @return fails if the answer doesn't allow to go on with this connection
     */
    CompletableFuture<?> beat(StatefulRedisConnection<String, String> connection);

    /** Takes note that a command was answered which was sent then, in nanoseconds of the ticker. */
    void answered(TrackingConnection tracking, long sent);

    /**
     * Takes note of a new connection, on which entries are read from now on: removes those that were read before, since their changes
     * meanwhile are unknown.
     */
    void installed(TrackingConnection tracking);

    /** The server that a client leads to. It has all keys, so any answer proves that the messages before it have been handled. */
    record Single(NearCacheContext context, RedisClient client) implements TrackedServer {

        @Override
        public String name() {
            return "Redis";
        }

        @Override
        public StatefulRedisConnection<String, String> connect() {
            return client.connect(StringCodec.UTF8);
        }

        @Override
        public CompletableFuture<?> beat(StatefulRedisConnection<String, String> connection) {
            return connection.async().ping().toCompletableFuture();
        }

        @Override
        public void answered(TrackingConnection tracking, long sent) {
            tracking.validity().renew(sent);
        }

        /**
         * Not even fallback copies stay. Only where the client's server has been read-only since, so that connections are replaced again
         * and again, those stay that couldn't be stored in it: each replacement would cost the computations of all such figures.
         */
        @Override
        public void installed(TrackingConnection tracking) {
            if (context.failover().isReadOnly()) {
                context.store().removeStored();
            } else {
                context.store().clear();
            }
        }
    }
}
