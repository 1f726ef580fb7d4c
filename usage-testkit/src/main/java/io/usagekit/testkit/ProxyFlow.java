package io.usagekit.testkit;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** One direction of a connection: the bytes received and not yet written. Confined to the proxy's thread. */
final class ProxyFlow {

    private final SocketChannel source;
    private final SocketChannel sink;
    private final Predicate<ProxyState> forwarded;
    private final Queue<Arrival> waiting = new ArrayDeque<>();
    private boolean sourceDone;
    private Progress progress = Progress.OPEN;

    ProxyFlow(SocketChannel source, SocketChannel sink, Predicate<ProxyState> forwarded) {
        this.source = source;
        this.sink = sink;
        this.forwarded = forwarded;
    }

    private enum Kind {
        BYTES,
        END,
        ABORT
    }

    private enum Progress {
        OPEN,
        /** Everything has been written, including the end of output. */
        ENDED,
        /** The sink is closed. The other direction, which reads from it, sees the reason. */
        BROKEN,
        /** The source was reset, and everything before it has been written. */
        ABORTED
    }

    private record Arrival(Kind kind, ByteBuffer bytes, long nanos) {

        static Arrival of(Kind kind, ByteBuffer bytes) {
            return new Arrival(kind, bytes, System.nanoTime());
        }
    }

    /** Reads the available bytes, at most one chunk. */
    void read(ByteBuffer chunk) {
        chunk.clear();
        try {
            int count = source.read(chunk);
            if (count < 0) {
                finish(Kind.END);
            } else if (count > 0) {
                byte[] bytes = new byte[count];
                chunk.flip().get(bytes);
                waiting.add(Arrival.of(Kind.BYTES, ByteBuffer.wrap(bytes)));
            }
        } catch (IOException e) {
            abort();
        }
    }

    /** Ends reading; the connection is reset once everything received before has been written. */
    void abort() {
        finish(Kind.ABORT);
    }

    private void finish(Kind kind) {
        sourceDone = true;
        waiting.add(Arrival.of(kind, ByteBuffer.allocate(0)));
    }

    /** Writes the bytes due in this state, as far as the sink accepts them. */
    void write(ProxyState state, long now) {
        try {
            for (Arrival next = due(state, now); next != null && write(next); next = due(state, now)) {
                waiting.remove();
            }
        } catch (IOException e) {
            sourceDone = true;
            waiting.clear();
            progress = Progress.BROKEN;
        }
    }

    /** Returns whether the arrival was written completely. */
    private boolean write(Arrival next) throws IOException {
        if (next.kind() == Kind.ABORT) {
            progress = Progress.ABORTED;
            return true;
        }
        if (!sink.isConnected()) {
            return false;
        }
        if (next.kind() == Kind.END) {
            sink.shutdownOutput();
            progress = Progress.ENDED;
            return true;
        }
        sink.write(next.bytes());
        return !next.bytes().hasRemaining();
    }

    /** Returns no interest while due bytes can't be written, so that a slow sink slows its source down. */
    int readInterest(ProxyState state, long now) {
        return !sourceDone && forwarded.test(state) && due(state, now) == null ? SelectionKey.OP_READ : 0;
    }

    int writeInterest(ProxyState state, long now) {
        return due(state, now) == null ? 0 : SelectionKey.OP_WRITE;
    }

    long nanosToWait(ProxyState state, long now) {
        Arrival next = waiting.peek();
        if (next == null || !forwarded.test(state) || isDue(next, state, now)) {
            return Long.MAX_VALUE;
        }
        return next.nanos() + state.latencyNanos() - now;
    }

    boolean isOver() {
        return progress != Progress.OPEN;
    }

    boolean hasEnded() {
        return progress == Progress.ENDED;
    }

    boolean isAborted() {
        return progress == Progress.ABORTED;
    }

    private @Nullable Arrival due(ProxyState state, long now) {
        Arrival next = waiting.peek();
        return next != null && forwarded.test(state) && isDue(next, state, now) ? next : null;
    }

    private static boolean isDue(Arrival arrival, ProxyState state, long now) {
        return now - arrival.nanos() >= state.latencyNanos();
    }
}
