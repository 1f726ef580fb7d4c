package io.usagekit.redis;

import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** A Lua script out of a resource file, sent by its digest, and whole where the server doesn't know it (yet, or any more). */
final class Script {

    private final String source;

    private Script(String source) {
        this.source = source;
    }

    static Script resource(String name) {
        try (InputStream in = Script.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + name + " is missing");
            }
            return new Script(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Runs it; its answer is a list. Once that is done, with a timeout for instance, the command isn't sent any more. */
    CompletableFuture<List<Object>> run(RedisAsyncCommands<String, String> redis, String... keys) {
        CompletableFuture<List<Object>> known = redis.<List<Object>>evalsha(
                        redis.digest(source), ScriptOutputType.MULTI, keys)
                .toCompletableFuture();
        CompletableFuture<List<Object>> answer =
                known.exceptionallyCompose(error -> cause(error) instanceof RedisNoScriptException
                        ? redis.<List<Object>>eval(source, ScriptOutputType.MULTI, keys)
                        : CompletableFuture.failedFuture(cause(error)));
        var unused = answer.whenComplete((list, error) -> known.cancel(false));
        return answer;
    }

    private static Throwable cause(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }
}
