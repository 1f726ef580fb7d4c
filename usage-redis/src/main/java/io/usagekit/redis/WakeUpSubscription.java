package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.usagekit.FlightStore.Registration;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Subscription to the channel of wake-ups, on a connection of its own: runs the actions registered for an entry when it changes.
 * Messages sent while there is no connection are lost, so after each reconnect every registered action runs once.
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
    private final Connector<StatefulRedisPubSubConnection<String, String>> connector;
    private final String channel;

    private final RedisPubSubAdapter<String, String> listener = new RedisPubSubAdapter<>() {
        @Override
        public void message(String channel, String entry) {
            waiters.getOrDefault(entry, List.of()).forEach(Waiter::wake);
        }

        @Override
        public void subscribed(String channel, long count) {
            refusal.end();
            waiters.values().forEach(all -> all.forEach(Waiter::wake));
            ready.complete(null);
        }
    };

    WakeUpSubscription(RedisClient client, String channel, Duration maxAttempt) {
        this.channel = channel;
        this.connector = new Connector<>(() -> subscribe(client), maxAttempt);
    }

    private StatefulRedisPubSubConnection<String, String> subscribe(RedisClient client) {
        StatefulRedisPubSubConnection<String, String> connection = client.connectPubSub(StringCodec.UTF8);
        connection.addListener(listener);
        long state = refusal.state();
        connection.async().subscribe(channel).whenComplete((done, error) -> {
            if (error instanceof RedisCommandExecutionException) {
                refusal.begin(state, RedisErrors.of("Redis refused the command", error));
                ready.complete(null);
            }
        });
        return connection;
    }

    /** Starts to connect, unless connected or connecting. Outages are logged by the other connection. */
    void connect() {
        var unused = connector.attempt();
    }

    /** Waits until the subscription is confirmed or has failed, but no longer than this. */
    void await(Duration wait) {
        var unused = connector.attempt().whenComplete((connection, error) -> {
            if (error != null) {
                ready.complete(null);
            }
        });
        try {
            ready.get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // Loads that wait poll as well.
        }
    }

    /** Registers an action to run whenever the entry changes. */
    Registration register(String entry, Runnable action) {
        connect();
        Waiter waiter = new Waiter(action);
        waiters.merge(
                entry,
                List.of(waiter),
                (some, one) -> Stream.concat(some.stream(), one.stream()).toList());
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
        connector.close();
    }
}
