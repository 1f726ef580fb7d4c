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
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/** TCP proxy that can hold back the server's responses on one connection, without closing it. */
final class StallingProxy implements AutoCloseable {

    private final ServerSocket listener;
    private final URI server;
    private final List<Socket> sockets = new CopyOnWriteArrayList<>();
    private final List<Thread> threads = new CopyOnWriteArrayList<>();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile int connections;
    private volatile int held = -1;

    StallingProxy(String url) {
        try {
            server = URI.create(url);
            listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        start(this::accept);
    }

    String url() {
        return "redis://127.0.0.1:" + listener.getLocalPort();
    }

    /** Returns the number of connections so far. */
    int connections() {
        return connections;
    }

    /** Returns the number of packets from clients that were forwarded so far. */
    int requests() {
        return requests.get();
    }

    /** Holds back the server's responses on this connection; the first connection is number 1. */
    void hold(int connection) {
        held = connection;
    }

    /** Forwards responses again, including those held back. */
    void release() {
        held = -1;
    }

    private void accept() {
        try {
            while (true) {
                Socket client = listener.accept();
                Socket upstream = new Socket(server.getHost(), server.getPort());
                upstream.setTcpNoDelay(true);
                client.setTcpNoDelay(true);
                sockets.addAll(List.of(client, upstream));
                int number = connections + 1;
                connections = number;
                start(() -> pump(client, upstream, -2));
                start(() -> pump(upstream, client, number));
            }
        } catch (IOException e) {
            // The listener is closed: the test has ended.
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
                if (number < 0) {
                    requests.incrementAndGet();
                }
            }
        } catch (IOException e) {
            // One side has closed the connection; the other is closed as well.
        }
    }

    private void start(Runnable task) {
        Thread thread = new Thread(task, "stalling-proxy");
        threads.add(thread);
        thread.start();
    }

    @Override
    public void close() {
        release();
        try {
            listener.close();
            for (Socket socket : sockets) {
                socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Redis.eventually(
                "the proxy's threads have ended", () -> threads.stream().noneMatch(Thread::isAlive));
    }
}
