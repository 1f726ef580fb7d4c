package io.usagekit.redis.internal;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.RedisPubSubListener;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Subscriptions to the channels of sharded wake-ups over a cluster of Redis 7 or later: each at the master of its hash slot, on one connection to each
 * master. One that ends, since its slot has moved or its connection was lost, is made again at the master that has the slot by then. A master
 * that refuses them is left alone for a minute. Its wake-ups arrive as publications to all nodes only where publishers can't use {@code SPUBLISH}, e.g. before
 * Redis 7; they don't look who has subscribed. Thread-safe; no method blocks but {@link #close}.
 */
public final class ShardedWakeUps {

    /** How long a server isn't asked again that has refused a sharded subscription or publication. */
    static final long REFUSED_NANOS = TimeUnit.MINUTES.toNanos(1);

    private static final CompletableFuture<Void> DONE = CompletableFuture.completedFuture(null);

    /** Refusal of subscriptions by a master, which isn't asked again until then, in nanoseconds. */
    private record Refusal(OutageLog log, long until) {}

    /** Subscription to a channel, and when it is confirmed. */
    private record Subscription(
            StatefulRedisPubSubConnection<String, String> connection, CompletableFuture<Void> confirmed) {}

    private final class Listener extends RedisPubSubAdapter<String, String> implements RedisConnectionStateListener {

        private final WakeUpConnection node;
        private final StatefulRedisPubSubConnection<String, String> connection;

        Listener(WakeUpConnection node, StatefulRedisPubSubConnection<String, String> connection) {
            this.node = node;
            this.connection = connection;
        }

        @Override
        public void smessage(String channel, String message) {
            node.prove();
            onMessage.accept(message);
        }

        @Override
        public void ssubscribed(String channel, long count) {
            node.prove();
            onSubscribed.accept(channel);
        }

        /** The master ends the subscription when its slot has moved. */
        @Override
        public void sunsubscribed(String channel, long count) {
            Subscription former = subscriptions.get(channel);
            if (former != null && former.connection() == connection && subscriptions.remove(channel, former)) {
                cluster.refreshSoon();
            }
        }

        /** Replaced at once: the client would subscribe again by one command to channels of several slots, which is refused. */
        @Override
        public void onRedisDisconnected(RedisChannelHandler<?, ?> handler) {
            if (end(connection)) {
                node.replace(connection);
                cluster.refreshSoon();
                var unused = subscribe();
            }
        }
    }

    private final Cluster cluster;
    private final List<String> channels;
    private final ConnectionAttempt.Limits limits;
    private final Consumer<String> onMessage;
    private final Consumer<String> onSubscribed;

    /** By address. */
    private final Map<String, WakeUpConnection> nodes = new ConcurrentHashMap<>();
    /** By address. */
    private final Map<String, Refusal> refusals = new ConcurrentHashMap<>();
    /** By channel. */
    private final Map<String, Subscription> subscriptions = new ConcurrentHashMap<>();
    /** Number of channels whose master hasn't refused subscriptions, by the time of the last {@link #subscribe}. */
    private volatile int wanted;

    private volatile boolean closed;

    /**
     * Creates it without a connection.
     *
     * @param onMessage receives each message
     * @param onSubscribed receives a channel, to which messages may have been lost before
     */
    public ShardedWakeUps(
            Cluster cluster,
            List<String> channels,
            ConnectionAttempt.Limits limits,
            Consumer<String> onMessage,
            Consumer<String> onSubscribed) {
        this.cluster = cluster;
        this.channels = channels;
        this.limits = limits;
        this.onMessage = onMessage;
        this.onSubscribed = onSubscribed;
        cluster.observe(() -> {
            var unused = subscribe();
        });
    }

    /**
     * Makes connections and subscriptions that are missing, and makes sure that connections answer; those to masters without slots are closed.
     *
     * @return completes when each present master has answered, or can't be reached
     */
    public CompletableFuture<Void> subscribe() {
        Topology known = cluster.topology();
        if (known == null || closed) {
            return DONE;
        }
        nodes.keySet().stream()
                .filter(address -> !known.owners().contains(address))
                .forEach(this::leave);
        Map<String, List<String>> channelsOf = new HashMap<>();
        for (String channel : channels) {
            String owner = known.owner(channel);
            if (owner != null && !hasRefused(owner)) {
                channelsOf.computeIfAbsent(owner, first -> new ArrayList<>()).add(channel);
            }
        }
        wanted = channelsOf.values().stream().mapToInt(List::size).sum();
        return CompletableFuture.allOf(channelsOf.entrySet().stream()
                .map(owner -> subscribe(owner.getKey(), owner.getValue()))
                .toArray(CompletableFuture<?>[]::new));
    }

    private boolean hasRefused(String owner) {
        Refusal refusal = refusals.get(owner);
        return refusal != null && System.nanoTime() - refusal.until() < 0;
    }

    private CompletableFuture<Void> subscribe(String owner, List<String> channelsOf) {
        WakeUpConnection node = nodes.computeIfAbsent(owner, this::node);
        if (closed) {
            leave(owner);
            return DONE;
        }
        node.connect();
        return node.attempt()
                .thenCompose(connection -> subscribe(owner, connection, channelsOf))
                .exceptionally(error -> null);
    }

    private WakeUpConnection node(String address) {
        return new WakeUpConnection(name(address), node -> open(address, node), cluster, limits);
    }

    private static String name(String address) {
        return "Redis node " + address;
    }

    private StatefulRedisPubSubConnection<String, String> open(String address, WakeUpConnection node) {
        StatefulRedisPubSubConnection<String, String> connection = cluster.connectPubSub(address);
        Listener listener = new Listener(node, connection);
        connection.addListener((RedisPubSubListener<String, String>) listener);
        connection.addListener((RedisConnectionStateListener) listener);
        node.prove();
        return connection;
    }

    /** Sends the first one alone: a master that refuses it refuses all. */
    private CompletableFuture<Void> subscribe(
            String owner, StatefulRedisPubSubConnection<String, String> connection, List<String> channelsOf) {
        return send(owner, connection, channelsOf.get(0)).thenCompose(accepted -> {
            Refusal former = refusals.remove(owner);
            if (former != null) {
                former.log().end();
            }
            return CompletableFuture.allOf(channelsOf.stream()
                    .map(channel -> send(owner, connection, channel))
                    .toArray(CompletableFuture<?>[]::new));
        });
    }

    /** Sends a subscription, unless there is one on this connection. */
    private CompletableFuture<Void> send(
            String owner, StatefulRedisPubSubConnection<String, String> connection, String channel) {
        Subscription next = new Subscription(connection, new CompletableFuture<>());
        Subscription present = subscriptions.compute(
                channel, (key, former) -> former != null && former.connection() == connection ? former : next);
        if (present.equals(next)) {
            connection.async().ssubscribe(channel).whenComplete((done, error) -> {
                if (error == null) {
                    next.confirmed().complete(null);
                } else {
                    subscriptions.remove(channel, next);
                    failed(owner, RedisErrors.unwrap(error));
                    next.confirmed().completeExceptionally(error);
                }
            });
        }
        return present.confirmed();
    }

    private boolean end(StatefulRedisPubSubConnection<String, String> connection) {
        return subscriptions.values().removeIf(former -> former.connection() == connection);
    }

    private void failed(String owner, Throwable error) {
        if (RedisErrors.isRefusal(error)) {
            refused(owner, error);
        } else if (error instanceof RedisCommandExecutionException) {
            cluster.refreshSoon(); // the slot has moved, e.g.
        }
    }

    /** That a server before Redis 7 doesn't know the command isn't worth a warning. */
    private void refused(String owner, Throwable error) {
        Refusal former = refusals.get(owner);
        OutageLog log = former != null
                ? former.log()
                : new OutageLog(
                        cluster.client(),
                        name(owner)
                                + " refuses subscriptions to sharded wake-ups (SSUBSCRIBE); loads that wait for other"
                                + " processes poll instead, unless those may not SPUBLISH",
                        name(owner) + " accepts subscriptions to sharded wake-ups again");
        refusals.put(owner, new Refusal(log, System.nanoTime() + REFUSED_NANOS));
        if (!RedisErrors.isUnknownCommand(error)) {
            log.begin(log.state(), RedisErrors.refused(name(owner), error));
        }
        leave(owner);
    }

    private void leave(String address) {
        WakeUpConnection node = nodes.remove(address);
        if (node != null) {
            node.retire();
            StatefulRedisPubSubConnection<String, String> connection = node.connection();
            if (connection != null) {
                end(connection);
            }
        }
    }

    /** Makes sure that connections answer, and makes connections and subscriptions that are missing. */
    public void connect() {
        if (subscriptions.size() >= wanted && nodes.values().stream().allMatch(WakeUpConnection::isOpen)) {
            nodes.values().forEach(WakeUpConnection::connect);
        } else {
            var unused = subscribe();
        }
    }

    /** Whether a silent connection has no successor so far that answers. */
    public boolean isSilent() {
        return nodes.values().stream().anyMatch(WakeUpConnection::isSilent);
    }

    /** Closes the connections; waits for them at most {@link Connector#CLOSE_LIMIT}. */
    public void close() {
        closed = true;
        refusals.values().forEach(refusal -> refusal.log().close());
        Connector.await(CompletableFuture.allOf(
                nodes.values().stream().map(WakeUpConnection::closing).toArray(CompletableFuture<?>[]::new)));
    }
}
