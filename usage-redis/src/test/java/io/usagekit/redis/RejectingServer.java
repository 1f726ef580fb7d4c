package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;

/** Server that accepts and closes every connection, at once or after an answer to the first octet, and counts them. */
final class RejectingServer implements AutoCloseable {
    private final AtomicInteger count = new AtomicInteger();
    private final ServerSocket listener;
    private final String answer;
    private final Thread thread;

    RejectingServer(ServerSocket listener) {
        this(listener, "");
    }

    RejectingServer(ServerSocket listener, String answer) {
        this.listener = listener;
        this.answer = answer;
        this.thread = new Thread(this::reject, "rejecting-server");
        thread.start();
    }

    private void reject() {
        try {
            while (true) {
                try (Socket connection = listener.accept()) {
                    if (!answer.isEmpty() && connection.getInputStream().read() >= 0) {
                        connection.getOutputStream().write(answer.getBytes(StandardCharsets.US_ASCII));
                    }
                }
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
