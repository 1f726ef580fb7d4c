package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Operations of tests on a server, and waiting for their effects. */
final class Redis {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private Redis() {}

    /** Returns the result of a stage. */
    static <T> T await(CompletionStage<T> stage) {
        try {
            return stage.toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new AssertionError("no answer: " + e, e);
        }
    }

    /** Returns the failure of a stage, which is the exception of the port's contract. */
    static UsageCacheException failure(CompletionStage<?> stage) {
        try {
            Object answer = stage.toCompletableFuture().get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            throw new AssertionError("it should have failed, but answered " + answer);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof UsageCacheException known) {
                return known;
            }
            throw new AssertionError("it failed with " + e.getCause(), e);
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError("no answer: " + e, e);
        }
    }

    /** Returns whether a stage completes normally. */
    static boolean succeeds(CompletionStage<?> stage) {
        return await(stage.handle((answer, error) -> error == null));
    }

    /** Waits for a condition that another process or thread fulfils. */
    static void eventually(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                throw new AssertionError("after " + PATIENCE + " not fulfilled: " + what);
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
        }
    }

    /** Returns the duration of a task. */
    static Duration took(Runnable task) {
        long began = System.nanoTime();
        task.run();
        return Duration.ofNanos(System.nanoTime() - began);
    }

    /** Returns a cache with long timeouts, for tests in which a loaded machine must not matter. */
    static UsageCache patient(RedisClient client) {
        return patience(client).build();
    }

    /** Returns a flight store with long timeouts. */
    static FlightStore patientStore(RedisClient client) {
        return patience(client).settings().openFlightStore();
    }

    /** Returns a builder with long timeouts. */
    static RedisUsage.Builder patience(RedisClient client) {
        return RedisUsage.builder(client).commandTimeout(Duration.ofSeconds(20)).connectTimeout(Duration.ofSeconds(20));
    }

    static FlightStore emptiedStore(RedisClient client) {
        with(client, RedisCommands::flushall);
        return patientStore(client);
    }

    static UsageCache emptied(RedisClient client) {
        with(client, RedisCommands::flushall);
        return patient(client);
    }

    /** Lets time pass by shortening the remaining time of all keys and of the periods in indexes. */
    static void elapse(RedisClient client, Duration duration) {
        with(client, redis -> {
            for (String key : redis.keys("usage:index:*")) {
                redis.zrange(key, 0, -1).forEach(period -> redis.zincrby(key, (double) -duration.toMillis(), period));
            }
            for (String key : redis.keys("*")) {
                redis.pexpire(key, redis.pttl(key) - duration.toMillis());
            }
        });
    }

    /** Returns the number of keys, those included that have expired and that Redis hasn't removed yet. */
    static long keys(RedisClient client) {
        AtomicLong count = new AtomicLong();
        with(client, redis -> count.set(redis.dbsize()));
        return count.get();
    }

    /** Returns the number of calls of a command since the server's statistics were reset. */
    static long calls(RedisClient client, String command) {
        AtomicLong count = new AtomicLong();
        with(client, redis -> {
            Matcher calls =
                    Pattern.compile("cmdstat_" + command + ":calls=(\\d+),").matcher(redis.info("commandstats"));
            count.set(calls.find() ? Long.parseLong(calls.group(1)) : 0);
        });
        return count.get();
    }

    static void with(RedisClient client, Consumer<RedisCommands<String, String>> commands) {
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            commands.accept(connection.sync());
        }
    }
}
