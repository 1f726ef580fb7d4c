package io.usagekit.redis;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.CompleteableCommand;
import io.netty.buffer.ByteBuf;
import io.usagekit.redis.internal.Link;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
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
final class EntryRead<T> extends CompletableFuture<T> {

    /** Makes a result of an entry. */
    @FunctionalInterface
    interface Decoder<T> {

        /**
         * Decodes an entry; called on the connection's thread.
         *
         * @param value null if the entry is missing or no string
         * @param left PTTL in milliseconds: -1 without expiry, -2 if the entry is missing
         */
        T decode(byte @Nullable [] value, long left);
    }

    private static final String PTTL = "*2\r\n$4\r\nPTTL\r\n$";
    private static final String GET = "*2\r\n$3\r\nGET\r\n$";
    private static final String END = "\r\n";

    /** PTTL of a key that doesn't exist. */
    static final long MISSING = -2;

    /** A value of another type. */
    private static final String WRONG_TYPE = "WRONGTYPE";

    /** Milliseconds between the commands, which take microseconds; more if the server was kept from running in between. */
    private static final long MAX_DIFFERENCE = 100;

    private final Link redis;
    private final String entry;
    private final Decoder<T> decoder;

    private EntryRead(Link redis, String entry, Decoder<T> decoder) {
        this.redis = redis;
        this.entry = entry;
        this.decoder = decoder;
    }

    /**
     * Sends the read.
     *
     * @return what the decoder returns; once the future is done, e.g. by a timeout, nothing more is sent
     */
    static <T> CompletableFuture<T> send(Link redis, String entry, Decoder<T> decoder) {
        EntryRead<T> read = new EntryRead<>(redis, entry, decoder);
        read.send();
        return read;
    }

    private void send() {
        Replies replies = new Replies(this);
        redis.send(Arrays.asList(
                new Request(CommandType.PTTL, replies),
                new Request(CommandType.GET, replies),
                new Request(CommandType.PTTL, replies)));
    }

    private void answered(Replies replies) {
        if (isDone()) {
            return;
        }
        try {
            if (replies.refusal != null) {
                completeExceptionally(new RedisCommandExecutionException(replies.refusal));
            } else if (replies.isConsistent()) {
                complete(decoder.decode(replies.after == MISSING ? null : replies.value, replies.after));
            } else {
                send();
            }
        } catch (RuntimeException | Error e) {
            completeExceptionally(e);
        }
    }

    /**
     * Replies to the three commands, in their order. Its {@link #error} is that of the latest one, for listeners and tracing of the host's
     * client. Used by the connection's thread only.
     */
    private static final class Replies extends CommandOutput<String, String, Void> {

        private static final int ALL = 3;

        private final EntryRead<?> read;
        private int complete;
        private long before;
        private byte @Nullable [] value;
        private boolean isOfAnotherType;
        private long after;
        private @Nullable String refusal;

        @SuppressWarnings("NullAway") // there is no output but the fields
        Replies(EntryRead<?> read) {
            super(StringCodec.UTF8, null);
            this.read = read;
        }

        @Override
        public void set(long milliseconds) {
            error = null;
            if (complete == 0) {
                before = milliseconds;
            } else {
                after = milliseconds;
            }
        }

        @Override
        public void set(@Nullable ByteBuffer bytes) {
            error = null;
            if (bytes != null) {
                value = new byte[bytes.remaining()];
                bytes.get(value);
            }
        }

        @Override
        public void setError(ByteBuffer message) {
            super.setError(message);
            if (complete == 1 && error.startsWith(WRONG_TYPE)) {
                isOfAnotherType = true;
            } else if (refusal == null) {
                refusal = error;
            }
        }

        void complete() {
            if (++complete == ALL) {
                read.answered(this);
            }
        }

        boolean isConsistent() {
            return after == MISSING
                    || (after <= before && before - after <= MAX_DIFFERENCE && (isOfAnotherType || value != null));
        }
    }

    /**
     * One of the commands. It is done when the read is, so that none is sent after a timeout; and it ends the host's own timeout. It encodes
     * itself, since arguments of Lettuce's are ten objects for each command; entries have characters of ASCII only.
     */
    private static final class Request extends Command<String, String, Void> implements CompleteableCommand<Void> {

        Request(CommandType type, Replies replies) {
            super(type, replies);
        }

        private Replies replies() {
            return (Replies) getOutput();
        }

        @Override
        public void encode(ByteBuf buffer) {
            String entry = replies().read.entry;
            buffer.writeCharSequence(getType() == CommandType.GET ? GET : PTTL, StandardCharsets.US_ASCII);
            writeNumber(buffer, entry.length());
            buffer.writeCharSequence(END, StandardCharsets.US_ASCII);
            buffer.writeCharSequence(entry, StandardCharsets.US_ASCII);
            buffer.writeCharSequence(END, StandardCharsets.US_ASCII);
        }

        private static void writeNumber(ByteBuf buffer, int number) {
            if (number > 9) {
                writeNumber(buffer, number / 10);
            }
            buffer.writeByte('0' + number % 10);
        }

        @Override
        public void complete() {
            super.complete();
            replies().complete();
        }

        @Override
        public boolean completeExceptionally(Throwable error) {
            super.complete();
            return replies().read.completeExceptionally(error);
        }

        @Override
        public void cancel() {
            super.cancel();
            replies().read.cancel(false);
        }

        @Override
        public boolean isCancelled() {
            return super.isCancelled() || replies().read.isCancelled();
        }

        @Override
        public boolean isDone() {
            return super.isDone() || replies().read.isDone();
        }

        @Override
        public void onComplete(Consumer<? super Void> action) {
            var unused = replies().read.thenRun(() -> action.accept(null));
        }

        @Override
        public void onComplete(BiConsumer<? super Void, Throwable> action) {
            var unused = replies().read.whenComplete((value, error) -> action.accept(null, error));
        }
    }
}
