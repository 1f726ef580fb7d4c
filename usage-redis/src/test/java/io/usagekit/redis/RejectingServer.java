package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;

import java.io.IOException;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;

/** Server that accepts and closes every connection, and counts them. */
final class RejectingServer implements AutoCloseable {
    private final AtomicInteger count = new AtomicInteger();
    private final ServerSocket listener;
    private final Thread thread;

    RejectingServer(ServerSocket listener) {
        this.listener = listener;
        this.thread = new Thread(this::reject, "rejecting-server");
        thread.start();
    }

    private void reject() {
        try {
            while (true) {
                listener.accept().close();
                count.incrementAndGet();
            }
        } catch (IOException e) {
            // The listener is closed: the test has ended.
        }
    }

    int count() {
        return count.get();
    }

    @Override
    public void close() throws IOException {
        listener.close();
        eventually("the thread has ended", () -> !thread.isAlive());
    }
}
