package io.usagekit.redis;

import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A Lua script out of resource files, sent by its digest, and whole where the server doesn't know it (yet, or any more). */
final class Script {

    private final String source;

    private Script(String source) {
        this.source = source;
    }

    /** What stands in these files, one after the other. */
    static Script resource(String... names) {
        return new Script(Arrays.stream(names).map(Script::read).collect(Collectors.joining("\n")));
    }

    private static String read(String name) {
        try (InputStream in = Script.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs it with this key and no argument. */
    CompletableFuture<List<Object>> run(RedisAsyncCommands<String, String> redis, String key) {
        return run(redis, List.of(key));
    }

    /** Runs it; its answer is a list. Once that is done, with a timeout for instance, nothing is sent any more. */
    CompletableFuture<List<Object>> run(
            RedisAsyncCommands<String, String> redis, List<String> keys, String... arguments) {
        String[] names = keys.toArray(String[]::new);
        CompletableFuture<List<Object>> answer = new CompletableFuture<>();
        forward(redis.evalsha(redis.digest(source), ScriptOutputType.MULTI, names, arguments), answer, error -> {
            if (!(error instanceof RedisNoScriptException)) {
                answer.completeExceptionally(error);
            } else if (!answer.isDone()) {
                sendWhole(redis, names, arguments, answer);
            }
        });
        return answer;
    }

    private void sendWhole(
            RedisAsyncCommands<String, String> redis,
            String[] keys,
            String[] arguments,
            CompletableFuture<List<Object>> answer) {
        try {
            forward(redis.eval(source, ScriptOutputType.MULTI, keys, arguments), answer, answer::completeExceptionally);
        } catch (RuntimeException e) {
            answer.completeExceptionally(e);
        }
    }

    private static void forward(
            RedisFuture<List<Object>> sent, CompletableFuture<List<Object>> answer, Consumer<Throwable> onError) {
        CompletableFuture<List<Object>> command = sent.toCompletableFuture();
        var unused = answer.whenComplete((list, error) -> command.cancel(false));
        unused = command.whenComplete((list, error) -> {
            if (error == null) {
                answer.complete(list);
            } else {
                onError.accept(cause(error));
            }
        });
    }

    private static Throwable cause(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }
}
