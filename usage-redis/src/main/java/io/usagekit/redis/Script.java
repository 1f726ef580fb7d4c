package io.usagekit.redis;

import io.lettuce.core.RedisNoScriptException;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.NestedMultiOutput;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.ScriptSupport;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** Lua script from resource files. It is sent by its digest, and in full if the server doesn't have it. */
final class Script {

    private final String source;

    private final String digest;

    private Script(String source) {
        this.source = source;
        this.digest = digest(source);
    }

    /** Returns the name under which Redis keeps the script: SHA-1 of its text, in lower-case hexadecimal digits. */
    private static String digest(String source) {
        try {
            MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
            return HexFormat.of().formatHex(sha1.digest(source.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("the Java runtime has no SHA-1, which each must have", e);
        }
    }

    /** Returns the script made of these resource files, concatenated in this order. */
    static Script resource(String... names) {
        return new Script(Arrays.stream(names).map(Script::read).collect(Collectors.joining("\n")));
    }

    private static String read(String name) {
        try (InputStream in = Script.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the resource io/usagekit/redis/" + name
                        + " is missing from the class path: usage-redis is packaged incompletely");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Runs the script.
     *
     * @return the script's answer, a list; once the future is done, e.g. by a timeout, nothing more is sent
     */
    CompletableFuture<List<Object>> run(Link redis, List<String> keys, String... arguments) {
        CompletableFuture<List<Object>> answer = new CompletableFuture<>();
        ScriptSupport.States before = redis.scripts().states();
        // What the answer says of the server is noted first: the caller's next step may depend on it.
        Consumer<List<Object>> executed = parts -> {
            redis.scripts().executed(before, parts);
            answer.complete(parts);
        };
        Consumer<Throwable> failed = error -> {
            redis.scripts().failed(before, error);
            answer.completeExceptionally(error);
        };
        forward(redis.send(command(CommandType.EVALSHA, digest, keys, arguments)), answer, executed, error -> {
            if (!(error instanceof RedisNoScriptException)) {
                failed.accept(error);
            } else if (!answer.isDone()) {
                try {
                    forward(redis.send(command(CommandType.EVAL, source, keys, arguments)), answer, executed, failed);
                } catch (RuntimeException e) {
                    failed.accept(e);
                }
            }
        });
        return answer;
    }

    private static Command<String, String, List<Object>> command(
            CommandType type, String script, List<String> keys, String[] arguments) {
        return Link.command(
                type,
                new NestedMultiOutput<>(StringCodec.UTF8),
                Link.arguments().add(script).add(keys.size()).addKeys(keys).addValues(arguments));
    }

    private static void forward(
            CompletableFuture<List<Object>> command,
            CompletableFuture<List<Object>> answer,
            Consumer<List<Object>> onAnswer,
            Consumer<Throwable> onError) {
        var unused = answer.whenComplete((list, error) -> command.cancel(false));
        unused = command.whenComplete((list, error) -> {
            if (error == null) {
                onAnswer.accept(list);
            } else {
                onError.accept(cause(error));
            }
        });
    }

    private static Throwable cause(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }
}
