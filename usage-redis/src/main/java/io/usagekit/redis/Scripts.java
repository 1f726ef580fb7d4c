package io.usagekit.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.Connections;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.redis.internal.OutageLog;
import io.usagekit.redis.internal.RedisErrors;
import io.usagekit.redis.internal.ServerClock;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Runs scripts on the connection for their keys, and takes steps by plain commands where Redis refuses scripts. */
final class Scripts {

    private final Connections connections;
    private final OutageLog wakeUps;
    private final OutageLog scripts;
    /** When a script is tried next although the last one was refused, in nanoseconds. */
    private final AtomicLong nextScript = new AtomicLong();

    Scripts(Connections connections) {
        this.connections = connections;
        this.wakeUps = new OutageLog(
                connections.client(),
                "Redis refuses to publish wake-ups; loads that wait for other processes poll instead",
                "Redis publishes wake-ups again");
        this.scripts = new OutageLog(
                connections.client(),
                "Redis refuses scripts; figures are stored by plain commands, and each process computes for itself",
                "Redis executes scripts again");
    }

    /** Returns the connections, for plain commands. */
    Connections connections() {
        return connections;
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
        return run(purpose, served, script, keys, clock -> arguments, (clock, answer) -> {});
    }

    /**
     * Runs a script as {@link #run(Purpose, Predicate, Script, List, String...)} does.
     *
     * @param arguments those of the script, by the clock of the server that is to run it
     * @param onAnswer receives the clock of the server that has run it, before the answer is used
     */
    CompletionStage<List<Object>> run(
            Purpose purpose,
            Predicate<List<Object>> served,
            Script script,
            List<String> keys,
            Function<ServerClock, String[]> arguments,
            BiConsumer<ServerClock, List<Object>> onAnswer) {
        long wakeUpsBefore = wakeUps.state();
        long scriptsBefore = scripts.state();
        return connections
                .dispatch(keys.get(0), purpose, served, redis -> {
                    CompletableFuture<List<Object>> sent = script.run(redis, keys, arguments.apply(redis.clock()));
                    CompletableFuture<List<Object>> answer = sent.thenApply(parts -> {
                        onAnswer.accept(redis.clock(), parts);
                        return parts;
                    });
                    var unused = answer.whenComplete((parts, error) -> sent.cancel(false)); // e.g. by a timeout
                    return answer;
                })
                .whenComplete((answer, error) -> {
                    if (error == null) {
                        scripts.end();
                        noteWakeUp(wakeUpsBefore, answer);
                    } else if (RedisErrors.unwrap(error) instanceof UsageCacheException refused
                            && RedisErrors.isScriptRefused(refused)) {
                        scripts.begin(scriptsBefore, refused);
                    }
                });
    }

    /**
     * Takes a step by scripts, or by plain commands where Redis refuses scripts; tries scripts again once a second.
     *
     * @param byScripts whose failure says whether a script was refused
     */
    <T> CompletionStage<T> scripted(Supplier<CompletionStage<T>> byScripts, Supplier<CompletionStage<T>> plainly) {
        if (scripts.isOngoing() && !isScriptDue()) {
            return plainly.get();
        }
        return byScripts.get().exceptionallyCompose(error -> {
            if (!RedisErrors.isScriptRefused(error)) {
                return CompletableFuture.failedStage(error);
            }
            nextScript.set(System.nanoTime() + Connector.RETRY_NANOS);
            return plainly.get();
        });
    }

    private boolean isScriptDue() {
        long due = nextScript.get();
        long now = System.nanoTime();
        return now - due >= 0 && nextScript.compareAndSet(due, now + Connector.RETRY_NANOS);
    }

    /** A script that has published a wake-up says so by the last part of its answer, a list: see {@code wake} in {@code state.lua}. */
    private void noteWakeUp(long state, List<Object> answer) {
        if (answer.isEmpty() || !(answer.get(answer.size() - 1) instanceof List<?> refusal)) {
            return;
        }
        if (refusal.isEmpty()) {
            wakeUps.end();
        } else {
            wakeUps.begin(
                    state,
                    RedisErrors.of(
                            "Redis refused the command",
                            new RedisCommandExecutionException(String.valueOf(refusal.get(0)))));
        }
    }

    /** Forgoes the ends of outages, and closes the connections. */
    void close() {
        wakeUps.close();
        scripts.close();
        connections.close();
    }
}
