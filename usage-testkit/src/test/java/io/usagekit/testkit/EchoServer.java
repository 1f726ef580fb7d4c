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

/** Server that sends back every byte that it receives, and records it. */
final class EchoServer implements AutoCloseable {

    private final ServerSocket listener;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CountDownLatch closed = new CountDownLatch(1);
    private final List<Conversation> conversations = new CopyOnWriteArrayList<>();

    private EchoServer(ServerSocket listener) {
        this.listener = listener;
        threads.execute(this::accept);
    }

    static EchoServer start() {
        return startOn(0);
    }

    /** Starts a server on this port; 0 for any free port. */
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

    /** Returns the connections so far, in their order. */
    List<Conversation> conversations() {
        return List.copyOf(conversations);
    }

    private void accept() {
        try {
            while (true) {
                Socket socket = listener.accept();
                if (listener.isClosed()) {
                    socket.close();
                    return;
                }
                Conversation conversation = new Conversation(socket);
                conversations.add(conversation);
                threads.execute(conversation);
            }
        } catch (IOException e) {
            // The server is closed.
        } finally {
            closed.countDown();
        }
    }

    /** Ends all connections; none is accepted after that. */
    @Override
    public void close() {
        try {
            listener.close();
            // Until then the system may accept further connections.
            Callers.await(closed);
            for (Conversation conversation : conversations) {
                conversation.socket.close();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        threads.shutdownNow();
    }

    /** One connection. */
    static final class Conversation implements Runnable {

        private final Socket socket;
        private final ByteArrayOutputStream received = new ByteArrayOutputStream();
        private final CountDownLatch ended = new CountDownLatch(1);

        private Conversation(Socket socket) {
            this.socket = socket;
        }

        /** Returns all bytes received so far. */
        byte[] received() {
            return received.toByteArray();
        }

        /** Waits until the connection has ended in any way. */
        void awaitEnd() {
            Callers.await(ended);
        }

        /** Resets the connection, as a crashing process may. */
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
                // The client has closed the connection.
            } finally {
                ended.countDown();
            }
        }
    }
}
