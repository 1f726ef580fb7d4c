package io.usagekit.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.usagekit.FlightStore.Registration;
import io.usagekit.redis.internal.Cluster;
import io.usagekit.redis.internal.ConnectionAttempt;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.OutageLog;
import io.usagekit.redis.internal.RedisErrors;
import io.usagekit.redis.internal.ShardedWakeUps;
import io.usagekit.redis.internal.Timeouts;
import io.usagekit.redis.internal.WakeUpConnection;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Subscription to the channel of wake-ups, on a connection of its own, and over a cluster to the channels of sharded ones: runs the actions registered
 * for an entry when it changes. Messages sent while there is no subscription are lost, so after each one every registered action runs once.
 *
 * <p>While actions are registered the connection proves once a second that it answers; one that doesn't is replaced, and one that can't be
 * made is tried again. A process in which no load waits sends nothing, except until a silent connection has a successor that answers.
 */
final class WakeUpSubscription {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** Registered action, compared by identity: the same action may be registered twice. */
    private static final class Waiter {
        private final Runnable action;

        Waiter(Runnable action) {
            this.action = action;
        }

        void wake() {
            try {
                action.run();
            } catch (Throwable e) { // the other waiters are woken all the same
                LOG.error("a wake-up action threw; the load that waits polls instead", e);
            }
        }
    }

    private final ConcurrentHashMap<String, List<Waiter>> waiters = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final OutageLog refusal = new OutageLog(
            "Redis refuses the subscription to wake-ups; loads that wait for other processes poll instead",
            "Redis accepts the subscription to wake-ups again");
    private final WakeUpConnection link;
    private final Connections connections;
    private final Timeouts timeouts;
    private final RedisKeys keys;
    /** Null unless it is over a cluster. */
    private final @Nullable ShardedWakeUps shards;

    private final AtomicBoolean proofScheduled = new AtomicBoolean();
    private volatile boolean closed;

    private final RedisPubSubAdapter<String, String> listener = new RedisPubSubAdapter<>() {
        @Override
        public void message(String channel, String entry) {
            link.prove();
            wake(entry);
        }

        @Override
        public void subscribed(String channel, long count) {
            refusal.end();
            waiters.keySet().forEach(WakeUpSubscription.this::wake);
            ready.complete(null);
            // Begins the time within which a PING is to be answered: only that ends an incident of silence.
            link.prove();
        }
    };

    WakeUpSubscription(Connections connections, RedisKeys keys, ConnectionAttempt.Limits limits) {
        this.keys = keys;
        this.connections = connections;
        this.timeouts = connections.timeouts();
        this.link = new WakeUpConnection("Redis", made -> subscribe(connections.connectPubSub()), connections, limits);
        this.shards = connections instanceof Cluster cluster
                ? new ShardedWakeUps(cluster, keys.shards(), limits, this::wake, this::wakeShard)
                : null;
    }

    private void wake(String entry) {
        waiters.getOrDefault(entry, List.of()).forEach(Waiter::wake);
    }

    private void wakeShard(String channel) {
        waiters.keySet().stream()
                .filter(entry -> keys.shard(entry).equals(channel))
                .forEach(this::wake);
    }

    private StatefulRedisPubSubConnection<String, String> subscribe(
            StatefulRedisPubSubConnection<String, String> connection) {
        connection.addListener(listener);
        long state = refusal.state();
        connection.async().subscribe(keys.wakeUps()).whenComplete((done, error) -> {
            if (error instanceof RedisCommandExecutionException) {
                refusal.begin(state, RedisErrors.of("Redis refused the command", error));
                ready.complete(null);
            }
        });
        return connection;
    }

    /** Makes sure that there are connections which answer; one whose server has left its cluster is replaced. */
    void connect() {
        if (shards != null) {
            shards.connect();
        }
        StatefulRedisPubSubConnection<String, String> connection = link.connection();
        if (connection != null && !connections.receivesPublications(connection)) {
            link.replace(connection);
        } else {
            link.connect();
        }
    }

    /** Goes on each second, whatever becomes of an attempt to connect. */
    private void scheduleProof() {
        boolean isNeeded = !closed && (!waiters.isEmpty() || isSilent());
        if (isNeeded && proofScheduled.compareAndSet(false, true)) {
            var unused = timeouts.after(WakeUpConnection.PROOF_NANOS).thenRun(() -> {
                proofScheduled.set(false);
                connect();
                var unusedToo = subscribeToShards();
                scheduleProof();
            });
        }
    }

    private boolean isSilent() {
        return link.isSilent() || (shards != null && shards.isSilent());
    }

    private CompletableFuture<Void> subscribeToShards() {
        return shards == null ? CompletableFuture.completedFuture(null) : shards.subscribe();
    }

    /** Waits until the subscriptions are confirmed or have failed, but no longer than this. */
    void await(Duration wait) {
        var unused = link.attempt().whenComplete((connection, error) -> {
            if (error != null) {
                ready.complete(null);
            }
        });
        try {
            var unusedToo =
                    CompletableFuture.allOf(ready, subscribeToShards()).get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // Loads that wait poll as well.
        }
    }

    /** Registers an action to run whenever the entry changes. */
    Registration register(String entry, Runnable action) {
        Waiter waiter = new Waiter(action);
        waiters.merge(
                entry,
                List.of(waiter),
                (some, one) -> Stream.concat(some.stream(), one.stream()).toList());
        connect();
        scheduleProof();
        return () -> waiters.computeIfPresent(entry, (key, all) -> {
            List<Waiter> others = all.stream().filter(one -> one != waiter).toList();
            return others.isEmpty() ? null : others;
        });
    }

    /** Returns the number of entries with registered actions. */
    int size() {
        return waiters.size();
    }

    void close() {
        closed = true;
        if (shards != null) {
            shards.close();
        }
        link.close();
    }
}
