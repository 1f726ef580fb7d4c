package io.usagekit.redis;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;

/** Stands between a client and a server, and can be made to hold back what the server says: nobody hangs up, nobody hears. */
final class StallingProxy implements AutoCloseable {

    private final ServerSocket door;
    private final URI server;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final List<Thread> threads = new CopyOnWriteArrayList<>();
    private volatile int connections;
    private volatile int held = -1;

    StallingProxy(String url) {
        try {
            server = URI.create(url);
            door = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(this::accept);
    }

    String url() {
        return "redis://127.0.0.1:" + door.getLocalPort();
    }

    /** How many connections there have been. */
    int connections() {
        return connections;
    }

    /** Nothing that the server says on this connection arrives any more; the first is number 1. */
    void hold(int connection) {
        held = connection;
    }

    /** What was held back arrives now. */
    void release() {
        held = -1;
    }

    private void accept() {
        try {
            while (true) {
                Socket client = door.accept();
                Socket behind = new Socket(server.getHost(), server.getPort());
                behind.setTcpNoDelay(true);
                client.setTcpNoDelay(true);
                sockets.addAll(List.of(client, behind));
                int number = connections + 1;
                connections = number;
                start(() -> pump(client, behind, -2));
                start(() -> pump(behind, client, number));
            }
        } catch (IOException e) {
            // The door is closed: the test is over.
        }
    }

    private void pump(Socket from, Socket to, int number) {
        byte[] buffer = new byte[8192];
        try (from;
                to;
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream()) {
            for (int length = in.read(buffer); length >= 0; length = in.read(buffer)) {
                while (held == number) {
                    LockSupport.parkNanos(1_000_000);
                }
                out.write(buffer, 0, length);
            }
        } catch (IOException e) {
            // One of them has hung up, and so the other does.
        }
    }

    private void start(Runnable task) {
        Thread thread = new Thread(task, "wire");
        threads.add(thread);
        thread.start();
    }

    @Override
    public void close() {
        release();
        try {
            door.close();
            for (Socket socket : sockets) {
                socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Redis.eventually("nobody stands on the wire", () -> threads.stream().noneMatch(Thread::isAlive));
    }
}
