package io.usagekit.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.output.IntegerOutput;
import io.lettuce.core.output.ValueOutput;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.redis.internal.Link;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Reads an entry and its remaining time to live by the plain commands PTTL, GET and PTTL, sent together: a script would keep the server
 * busy for several times as long, and isn't executed by every server (a replica's client, a user without scripts).
 *
 * <p>The commands of another client may be executed between these. A value that is replaced by one that lives longer makes the second
 * PTTL larger than the first one: the entry is read again. Otherwise the second PTTL is at most that of the value read, so that no age is
 * too low; and it isn't much smaller than the first one, so that no age is much too high. That the entry is replaced twice in between, by a
 * value that expires at the same time as the first one, isn't noticed; all is one packet to a server that executes one command after
 * another.
 */
final class EntryRead {

    /** A value of another type. */
    private static final String WRONG_TYPE = "WRONGTYPE";

    private static final long MISSING = -2;

    /** Milliseconds between the commands, which take microseconds; more if the server was kept from running in between. */
    private static final long MAX_DIFFERENCE = 100;

    private final Link redis;
    private final String entry;
    private final CompletableFuture<List<Object>> answer = new CompletableFuture<>();

    private EntryRead(Link redis, String entry) {
        this.redis = redis;
        this.entry = entry;
    }

    /**
     * Sends the read.
     *
     * @return the value, or null if the entry is missing or no string, and PTTL in milliseconds: -1 without expiry, -2 if the entry is
     *     missing; once the future is done, e.g. by a timeout, nothing more is sent
     */
    static CompletableFuture<List<Object>> send(Link redis, String entry) {
        EntryRead read = new EntryRead(redis, entry);
        read.send();
        return read.answer;
    }

    private void send() {
        Command<String, String, Long> before = command(CommandType.PTTL, new IntegerOutput<>(StringCodec.UTF8));
        Command<String, String, String> get = command(CommandType.GET, new ValueOutput<>(StringCodec.UTF8));
        // Answers arrive in the order of the commands: with the last one all are there.
        AsyncCommand<String, String, Long> after =
                new AsyncCommand<>(command(CommandType.PTTL, new IntegerOutput<>(StringCodec.UTF8)));
        var unused = answer.whenComplete((read, error) -> {
            before.cancel();
            get.cancel();
            after.cancel();
        });
        unused = after.handle((left, error) -> {
            if (error != null) {
                answer.completeExceptionally(error instanceof CompletionException e ? e.getCause() : error);
            } else {
                complete(before, get, left);
            }
            return null;
        });
        redis.send(List.of(before, get, after));
    }

    private void complete(Command<String, String, Long> before, Command<String, String, String> get, long left) {
        String error = get.getOutput().getError();
        if (error != null && !error.startsWith(WRONG_TYPE)) {
            answer.completeExceptionally(new RedisCommandExecutionException(error));
        } else if (left == MISSING || (isConsistent(before.get(), left) && (error != null || get.get() != null))) {
            answer.complete(Arrays.asList(left == MISSING ? null : get.get(), left));
        } else if (!answer.isDone()) {
            sendAgain();
        }
    }

    private static boolean isConsistent(@Nullable Long before, long left) {
        return before != null && left <= before && before - left <= MAX_DIFFERENCE;
    }

    private void sendAgain() {
        try {
            send();
        } catch (RuntimeException e) {
            answer.completeExceptionally(e);
        }
    }

    private <T> Command<String, String, T> command(CommandType type, CommandOutput<String, String, T> output) {
        return Link.command(type, output, Link.arguments().addKey(entry));
    }
}
