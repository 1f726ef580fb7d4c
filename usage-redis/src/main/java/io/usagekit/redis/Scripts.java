package io.usagekit.redis;

import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.RedisErrors;
import io.usagekit.redis.internal.ServerClock;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Runs scripts on the connection for their keys, and takes steps by plain commands where the server refuses scripts. */
final class Scripts {

    private final Connections connections;

    Scripts(Connections connections) {
        this.connections = connections;
    }

    /** Returns the connections, for plain commands. */
    Connections connections() {
        return connections;
    }

    /** Returns the channel on which a server is to publish an entry's sharded wake-ups; empty where none are sharded. */
    String shard(Link redis, RedisKeys keys, String entry) {
        return connections.areSharded() && redis.scripts().mayShardWakeUps() ? keys.shard(entry) : "";
    }

    /**
     * Runs a script.
     *
     * @param served whether an answer shows that Redis serves this purpose, e.g. because it has written
     * @param keys all in one hash slot
     * @return fails with {@link UsageCacheException}
     */
    CompletionStage<List<Object>> run(
            Purpose purpose, Predicate<List<Object>> served, Script script, List<String> keys, String... arguments) {
        return run(purpose, served, script, keys, redis -> arguments);
    }

    /**
     * Runs a script as {@link #run(Purpose, Predicate, Script, List, String...)} does.
     *
     * @param arguments those of the script, by what is known of the server that is to run it
     */
    CompletionStage<List<Object>> run(
            Purpose purpose,
            Predicate<List<Object>> served,
            Script script,
            List<String> keys,
            Function<Link, String[]> arguments) {
        return run(purpose, served, script, keys, arguments, (clock, answer) -> {});
    }

    /**
     * Runs a script as {@link #run(Purpose, Predicate, Script, List, String...)} does.
     *
     * @param arguments those of the script, by what is known of the server that is to run it
     * @param onAnswer receives the clock of the server that has run it, before the answer is used
     */
    CompletionStage<List<Object>> run(
            Purpose purpose,
            Predicate<List<Object>> served,
            Script script,
            List<String> keys,
            Function<Link, String[]> arguments,
            BiConsumer<ServerClock, List<Object>> onAnswer) {
        return connections.dispatch(keys.get(0), purpose, served, redis -> {
            CompletableFuture<List<Object>> sent = script.run(redis, keys, arguments.apply(redis));
            CompletableFuture<List<Object>> answer = sent.thenApply(parts -> {
                onAnswer.accept(redis.clock(), parts);
                return parts;
            });
            var unused = answer.whenComplete((parts, error) -> sent.cancel(false)); // e.g. by a timeout
            return answer;
        });
    }

    /**
     * Takes a step by scripts, or by plain commands where the server refuses scripts; tries scripts again once a second.
     *
     * @param key the key of the scripts
     * @param byScripts whose failure says whether a script was refused
     */
    <T> CompletionStage<T> scripted(
            String key, Supplier<CompletionStage<T>> byScripts, Supplier<CompletionStage<T>> plainly) {
        if (connections.refusesScripts(key)) {
            return plainly.get();
        }
        return byScripts
                .get()
                .exceptionallyCompose(error ->
                        RedisErrors.isScriptRefused(error) ? plainly.get() : CompletableFuture.failedStage(error));
    }

    /**
     * Takes a step by one script on keys of several hash slots, or else by several scripts: over a cluster, and where a server refuses such a
     * script, as a cluster's node does to a client of a single server.
     */
    <T> CompletionStage<T> together(Supplier<CompletionStage<T>> byOne, Supplier<CompletionStage<T>> bySeveral) {
        if (!connections.areOfOneServer()) {
            return bySeveral.get();
        }
        return byOne.get().exceptionallyCompose(error -> {
            if (!RedisErrors.isCrossSlot(error)) {
                return CompletableFuture.failedStage(error);
            }
            connections.refusesSeveralSlots();
            return bySeveral.get();
        });
    }

    void close() {
        connections.close();
    }
}
