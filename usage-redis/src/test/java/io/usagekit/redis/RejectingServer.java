package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;

import java.io.IOException;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;

/** Hangs up on everyone who calls, and counts them. */
final class RejectingServer implements AutoCloseable {
    private final AtomicInteger count = new AtomicInteger();
    private final ServerSocket door;
    private final Thread porter;

    RejectingServer(ServerSocket door) {
        this.door = door;
        this.porter = new Thread(this::answer, "visitors");
        porter.start();
    }

    private void answer() {
        try {
            while (true) {
                door.accept().close();
                count.incrementAndGet();
            }
        } catch (IOException e) {
            // The door is closed: the test is over.
        }
    }

    int count() {
        return count.get();
    }

    @Override
    public void close() throws IOException {
        door.close();
        eventually("the door is closed", () -> !porter.isAlive());
    }
}
