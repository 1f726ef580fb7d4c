package io.usagekit.testkit;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A TCP link to a server that fails on demand, for the tests of adapters and of hosts: give the client {@link #host()} and
 * {@link #port()} instead of the server's. The port is a free one and stays the same until the link is closed, whatever
 * becomes of the server.
 *
 * <p>Each connection of a client is carried on by a connection to the server. Bytes go both ways in order, unchanged; an end
 * of output is passed on as such, and the other direction stays open. A server that can't be reached resets the client's
 * connection.
 *
 * <p>A link is in one state at a time, at first that of {@link #pass()}; each switch replaces the state before it:
 *
 * <table>
 * <caption>The states</caption>
 * <tr><th>state</th><th>present connections</th><th>new connections</th><th>bytes</th></tr>
 * <tr><td>{@link #pass()}</td><td>stay</td><td>carried on</td><td>forwarded</td></tr>
 * <tr><td>{@link #cut()}</td><td>reset</td><td>accepted and reset at once</td><td>none</td></tr>
 * <tr><td>{@link #freeze()}</td><td>stay</td><td>accepted, the server doesn't see them yet</td><td>held back</td></tr>
 * <tr><td>{@link #freezeRequests()}</td><td>stay</td><td>accepted, the server doesn't see them yet</td>
 *     <td>held back towards the server</td></tr>
 * <tr><td>{@link #freezeResponses()}</td><td>stay</td><td>carried on</td><td>held back towards the client</td></tr>
 * <tr><td>{@link #slow(Duration)}</td><td>stay</td><td>carried on</td><td>forwarded after the latency</td></tr>
 * </table>
 *
 * <p>What is held back includes the ends and resets of connections: neither side learns of them. A state that lets the
 * direction through again forwards all of it, also what a client sent that has given up since. A sender that goes on sending
 * is stopped once the sockets' buffers are full, as by a network that loses everything.
 *
 * <p>A switch has taken effect when its method returns: from then on no byte goes a way that is closed, and connections that
 * were to be reset have been. A connection that a client had opened before the switch counts as present. Thread-safe; the link
 * has one thread, a daemon. Once closed, it throws {@link IllegalStateException} when it is switched or counted.
 *
 * @since 0.1
 */
public final class FaultyProxy implements AutoCloseable {

    private static final int MAX_PORT = 65_535;
    private static final int BACKLOG = 1_024;
    private static final int CHUNK_BYTES = 65_536;
    private static final Duration MAX_LATENCY = Duration.ofHours(1);

    private final InetSocketAddress server;
    private final ServerSocketChannel listener;
    private final InetSocketAddress address;
    private final Selector selector;
    private final Thread thread;

    /** Guards {@link #ended}, too, and is held for a moment only: no read, write or wait happens under it. */
    private final Queue<Runnable> commands = new ArrayDeque<>();

    private boolean ended;

    // What follows belongs to the link's thread.
    private final Set<ProxyConnection> connections = new LinkedHashSet<>();
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private ProxyState state = ProxyState.PASS;

    private FaultyProxy(InetSocketAddress server, ServerSocketChannel listener, Selector selector) throws IOException {
        this.server = server;
        this.listener = listener;
        this.selector = selector;
        this.address = (InetSocketAddress) listener.getLocalAddress();
        this.thread = new Thread(this::run, "usagekit-link-" + address.getPort());
        thread.setDaemon(true);
    }

    /**
     * Opens a link to this server, which needn't be there yet; each connection looks for it anew.
     *
     * @param host a name, which is resolved once, or an address
     * @param port from 1 to 65535
     * @throws IllegalArgumentException if the port is out of bounds, or the host unknown
     * @throws UncheckedIOException if the link can't listen on this machine
     */
    public static FaultyProxy to(String host, int port) {
        if (port < 1 || port > MAX_PORT) {
            throw new IllegalArgumentException("port must be from 1 to " + MAX_PORT + ", but was " + port);
        }
        InetSocketAddress server = new InetSocketAddress(host, port);
        if (server.isUnresolved()) {
            throw new IllegalArgumentException("host must be known, but was " + host);
        }
        try {
            return open(server);
        } catch (IOException e) {
            throw new UncheckedIOException("a link to " + server + " can't be opened: " + e.getMessage(), e);
        }
    }

    private static FaultyProxy open(InetSocketAddress server) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open();
        try {
            listener.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), BACKLOG);
            listener.configureBlocking(false);
            Selector selector = Selector.open();
            listener.register(selector, SelectionKey.OP_ACCEPT);
            FaultyProxy link = new FaultyProxy(server, listener, selector);
            link.thread.start();
            return link;
        } catch (IOException e) {
            listener.close();
            throw e;
        }
    }

    /** The address to connect to: {@code 127.0.0.1}. */
    public String host() {
        return address.getAddress().getHostAddress();
    }

    /** The port to connect to, from 1 to 65535. */
    public int port() {
        return address.getPort();
    }

    /** The connections of clients that are open, whether or not the server has been reached; none of those cut off. */
    public int connections() {
        return onLinkThread(() -> {
            acceptWaiting();
            return connections.size();
        });
    }

    /** Forwards everything, at once; what was held back or delayed comes first. */
    public void pass() {
        switchTo(ProxyState.PASS);
    }

    /**
     * Resets all connections (RST), on both sides, and every new one. What was held back or delayed is lost. A client still
     * connects, and then finds its connection reset.
     */
    public void cut() {
        onLinkThread(() -> {
            acceptWaiting();
            state = ProxyState.CUT;
            resetAll();
            return null;
        });
    }

    /** Resets all connections (RST), on both sides, and doesn't change the state: what was held back or delayed is lost. */
    public void cutOnce() {
        onLinkThread(() -> {
            acceptWaiting();
            resetAll();
            return null;
        });
    }

    /** Forwards nothing in either direction and keeps connections open. */
    public void freeze() {
        switchTo(ProxyState.FREEZE);
    }

    /** Forwards nothing from clients to the server; responses go through. */
    public void freezeRequests() {
        switchTo(ProxyState.FREEZE_REQUESTS);
    }

    /** Forwards nothing from the server to clients; requests go through, and are carried out. */
    public void freezeResponses() {
        switchTo(ProxyState.FREEZE_RESPONSES);
    }

    /**
     * Forwards each byte, and each end of a connection, this long after it came in, in each direction: a response is late by
     * twice the latency. Order is kept, and there is no limit to what may be under way, all of which is in memory. Opening a
     * connection takes no longer than without.
     *
     * @param latency from 0 to 1 hour
     * @throws IllegalArgumentException if the latency is out of bounds
     */
    public void slow(Duration latency) {
        if (latency.isNegative() || latency.compareTo(MAX_LATENCY) > 0) {
            throw new IllegalArgumentException("latency must be from 0 to " + MAX_LATENCY + ", but was " + latency);
        }
        switchTo(ProxyState.slow(latency));
    }

    /** Resets all connections, frees the port and ends the thread; returns when that is done. May be called again. */
    @Override
    public void close() {
        synchronized (commands) {
            if (!ended) {
                ended = true;
                selector.wakeup();
            }
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void switchTo(ProxyState next) {
        onLinkThread(() -> {
            acceptWaiting();
            state = next;
            return null;
        });
    }

    private <T> T onLinkThread(Supplier<T> command) {
        return CompletableFuture.supplyAsync(command, this::enqueue).join();
    }

    private void enqueue(Runnable command) {
        synchronized (commands) {
            if (ended) {
                throw new IllegalStateException("the link is closed");
            }
            commands.add(command);
            // Not after the lock is released: a selector that has been closed meanwhile can't be woken.
            selector.wakeup();
        }
    }

    private void run() {
        try {
            while (carryOutCommands()) {
                long now = System.nanoTime();
                connections.removeIf(connection -> !connection.advance(state, now));
                selector.select(this::ready, millisToWait(now));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            end();
        }
    }

    /**
     * The queue is looked at after each command, and not only when the selector was woken: a command may use up the wake-up
     * of the one behind it.
     *
     * @return whether the link is to go on
     */
    private boolean carryOutCommands() {
        while (true) {
            Runnable command;
            synchronized (commands) {
                command = commands.poll();
                if (command == null) {
                    return !ended;
                }
            }
            command.run();
        }
    }

    private void ready(SelectionKey key) {
        if (key.attachment() instanceof ProxyConnection connection) {
            connection.ready(key, chunk);
        } else {
            acceptWaiting();
        }
    }

    /** Takes the connections that clients have opened already, in the present state. */
    private void acceptWaiting() {
        try {
            for (SocketChannel client = listener.accept(); client != null; client = listener.accept()) {
                accept(client);
            }
        } catch (IOException e) {
            // That client has gone; whoever is behind it is taken at the next turn.
        }
    }

    private void accept(SocketChannel client) {
        if (state.refuses()) {
            reset(client);
            return;
        }
        try {
            connections.add(ProxyConnection.open(client, server, selector));
        } catch (IOException e) {
            reset(client);
        }
    }

    private void resetAll() {
        connections.forEach(ProxyConnection::reset);
        connections.clear();
        try {
            // A channel that was closed stays open in the system until its selector has taken note.
            selector.selectNow(key -> {});
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Resets a connection instead of ending it. */
    static void reset(SocketChannel channel) {
        try (channel) {
            channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        } catch (IOException e) {
            // The other side was faster.
        }
    }

    /** Rounded up, so that nothing is forwarded too early; 0 is for ever. */
    private long millisToWait(long now) {
        long nanos = connections.stream()
                .mapToLong(connection -> connection.nanosToWait(state, now))
                .min()
                .orElse(Long.MAX_VALUE);
        return nanos == Long.MAX_VALUE ? 0 : TimeUnit.NANOSECONDS.toMillis(nanos) + 1;
    }

    private void end() {
        synchronized (commands) {
            ended = true;
        }
        try (selector;
                listener) {
            connections.forEach(ProxyConnection::reset);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            // Only after a failure of the thread is one left, which then fails instead of being waited for.
            carryOutCommands();
        }
    }
}
