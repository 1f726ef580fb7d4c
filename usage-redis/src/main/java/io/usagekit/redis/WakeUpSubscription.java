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
 * Hears which entries changed, on a connection of its own, and runs what was registered for them. What was said while there was
 * no connection is lost; so whenever there is one again, everything that is registered is run once.
 */
final class WakeUpSubscription {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** A registered action; two of the same action are two. */
    private static final class Waiter {
        private final Runnable action;

        Waiter(Runnable action) {
            this.action = action;
        }

        void wake() {
            try {
                action.run();
            } catch (RuntimeException e) {
                LOG.error("what was to be woken has failed", e);
            }
        }
    }

    private final ConcurrentHashMap<String, List<Waiter>> waiters = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final OutageLog refusal = new OutageLog(
            "Redis refuses to tell when usage figures arrive", "Redis tells when usage figures arrive again");
    private final Connector<StatefulRedisPubSubConnection<String, String>> connector;
    private final String channel;

    private final RedisPubSubAdapter<String, String> listener = new RedisPubSubAdapter<>() {
        @Override
        public void message(String channel, String entry) {
            waiters.getOrDefault(entry, List.of()).forEach(Waiter::wake);
        }

        @Override
        public void subscribed(String channel, long count) {
            refusal.ends();
            waiters.values().forEach(those -> those.forEach(Waiter::wake));
            ready.complete(null);
        }
    };

    WakeUpSubscription(RedisClient client, String channel, Duration longestAttempt) {
        this.channel = channel;
        this.connector = new Connector<>(() -> subscribe(client), longestAttempt);
    }

    private StatefulRedisPubSubConnection<String, String> subscribe(RedisClient client) {
        StatefulRedisPubSubConnection<String, String> connection = client.connectPubSub(StringCodec.UTF8);
        connection.addListener(listener);
        long turn = refusal.turn();
        connection.async().subscribe(channel).whenComplete((done, error) -> {
            if (error instanceof RedisCommandExecutionException) {
                refusal.begins(turn, String.valueOf(error.getMessage()));
                ready.complete(null);
            }
        });
        return connection;
    }

    /** Begins to connect, unless it is connected or about to be. Outages are the other connection's to log. */
    void connect() {
        var unused = connector.attempt();
    }

    /** Waits until it hears what is said or knows that it can't, but no longer than this. */
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
            // Who waits also polls.
        }
    }

    Registration register(String entry, Runnable action) {
        connect();
        Waiter waiter = new Waiter(action);
        waiters.merge(
                entry,
                List.of(waiter),
                (some, one) -> Stream.concat(some.stream(), one.stream()).toList());
        return () -> waiters.computeIfPresent(entry, (key, those) -> {
            List<Waiter> others = those.stream().filter(one -> one != waiter).toList();
            return others.isEmpty() ? null : others;
        });
    }

    /** How many entries something is registered for. */
    int size() {
        return waiters.size();
    }

    void close() {
        connector.close();
    }
}
