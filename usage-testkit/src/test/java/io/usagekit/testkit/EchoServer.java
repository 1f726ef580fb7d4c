package io.usagekit.testkit;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Sends back what it is sent, until the end, and keeps it. */
final class EchoServer implements AutoCloseable {

    private final ServerSocket listener;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final List<Talk> talks = new CopyOnWriteArrayList<>();

    private EchoServer(ServerSocket listener) {
        this.listener = listener;
        threads.execute(this::accept);
    }

    static EchoServer start() {
        return startOn(0);
    }

    /** On this port, which is free; 0 for any. */
    static EchoServer startOn(int port) {
        try {
            ServerSocket listener = new ServerSocket();
            listener.setReuseAddress(true);
            listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 1_024);
            return new EchoServer(listener);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    int port() {
        return listener.getLocalPort();
    }

    /** The connections that it has had, in their order. */
    List<Talk> talks() {
        return List.copyOf(talks);
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listener.accept();
                if (listener.isClosed()) {
                    socket.close();
                    return;
                }
                Talk talk = new Talk(socket);
                talks.add(talk);
                threads.execute(talk);
            }
        } catch (IOException e) {
            // It is closed.
        } finally {
            closed.countDown();
        }
    }

    /** Ends all connections; none is accepted after that. */
    @Override
    public void close() {
        try {
            listener.close();
            // Until then the system may let somebody in.
            Callers.await(closed);
            for (Talk talk : talks) {
                talk.socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        threads.shutdownNow();
    }

    /** One connection. */
    static final class Talk implements Runnable {

        private final Socket socket;
        private final ByteArrayOutputStream received = new ByteArrayOutputStream();
        private final CountDownLatch over = new CountDownLatch(1);

        private Talk(Socket socket) {
            this.socket = socket;
        }

        /** All that came in so far. */
        byte[] received() {
            return received.toByteArray();
        }

        /** Returns when the connection has ended, in whichever way. */
        void awaitEnd() {
            Callers.await(over);
        }

        /** Ends it as a process that crashes may. */
        void reset() {
            try (socket) {
                socket.setSoLinger(true, 0);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void run() {
            byte[] chunk = new byte[8_192];
            try (socket) {
                InputStream in = socket.getInputStream();
                for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                    received.write(chunk, 0, count);
                    socket.getOutputStream().write(chunk, 0, count);
                }
                socket.shutdownOutput();
            } catch (IOException e) {
                // The client has gone.
            } finally {
                over.countDown();
            }
        }
    }
}
