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
 * TCP proxy in front of a server that fails on demand, for tests of adapters and hosts. The client connects to {@link #host()} and
 * {@link #port()} instead of the server's. The port is a free one and stays the same until the proxy is closed, also while the
 * server is down.
 *
 * <p>The proxy opens one connection to the server for each connection of a client. It forwards bytes both ways, in order and
 * unchanged; it forwards an end of output as such, and the other direction stays open. If the server can't be reached, the proxy
 * resets the client's connection.
 *
 * <p>A proxy is in one state at a time, initially that of {@link #pass()}; each switch replaces the previous state:
 *
 * <table>
 * <caption>The states</caption>
 * <tr><th>state</th><th>existing connections</th><th>new connections</th><th>bytes</th></tr>
 * <tr><td>{@link #pass()}</td><td>stay</td><td>forwarded</td><td>forwarded</td></tr>
 * <tr><td>{@link #cut()}</td><td>reset</td><td>accepted and reset at once</td><td>none</td></tr>
 * <tr><td>{@link #freeze()}</td><td>stay</td><td>accepted, not yet forwarded to the server</td><td>held back</td></tr>
 * <tr><td>{@link #freezeRequests()}</td><td>stay</td><td>accepted, not yet forwarded to the server</td>
 *     <td>held back towards the server</td></tr>
 * <tr><td>{@link #freezeResponses()}</td><td>stay</td><td>forwarded</td><td>held back towards the client</td></tr>
 * <tr><td>{@link #slow(Duration)}</td><td>stay</td><td>forwarded</td><td>forwarded after the latency</td></tr>
 * </table>
 *
 * <p>Ends and resets of connections are held back as well: the other side doesn't see them. When the direction is forwarded again,
 * everything held back is sent, including the bytes of a client that has closed its connection since. A sender that continues is
 * blocked once the sockets' buffers are full, as by a network that loses all packets. {@link #swallow()} does that to the existing
 * connections for good, whatever the state, and {@link #redirect} connects new ones to another server.
 *
 * <p>A switch has taken effect when its method returns: from then on no byte is forwarded in a held direction, and connections to be
 * reset have been reset. A connection that a client opened before the switch counts as existing. Thread-safe. The proxy has one
 * thread, a daemon. Once it is closed, its other methods throw {@link IllegalStateException}.
 *
 * @since 0.1
 */
public final class FaultyProxy implements AutoCloseable {

    private static final int MAX_PORT = 65_535;
    private static final int BACKLOG = 1_024;
    private static final int CHUNK_BYTES = 65_536;
    private static final Duration MAX_LATENCY = Duration.ofHours(1);

    private final ServerSocketChannel listener;
    private final InetSocketAddress address;
    private final Selector selector;
    private final Thread thread;

    /** Also the lock of {@link #ended}; held briefly: no read, write or wait happens under it. */
    private final Queue<Runnable> commands = new ArrayDeque<>();

    private boolean ended;

    // The fields below are confined to the proxy's thread.
    private final Set<ProxyConnection> connections = new LinkedHashSet<>();
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private ProxyState state = ProxyState.PASS;
    private InetSocketAddress server;

    private FaultyProxy(InetSocketAddress server, ServerSocketChannel listener, Selector selector) throws IOException {
        this.server = server;
        this.listener = listener;
        this.selector = selector;
        this.address = (InetSocketAddress) listener.getLocalAddress();
        this.thread = new Thread(this::run, "usagekit-proxy-" + address.getPort());
        thread.setDaemon(true);
    }

    /**
     * Opens a proxy in front of this server, which needn't run yet: each connection of a client tries to connect to it.
     *
     * @param host a name, which is resolved once, or an address
     * @param port from 1 to 65535
     * @throws IllegalArgumentException if the port is out of bounds, or the host can't be resolved
     * @throws UncheckedIOException if the proxy can't listen on 127.0.0.1
     */
    public static FaultyProxy to(String host, int port) {
        InetSocketAddress server = resolved(host, port);
        try {
            return open(server);
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "the proxy in front of " + server + " can't listen on 127.0.0.1: " + e.getMessage(), e);
        }
    }

    private static InetSocketAddress resolved(String host, int port) {
        if (port < 1 || port > MAX_PORT) {
            throw new IllegalArgumentException("port must be from 1 to " + MAX_PORT + ", but was " + port);
        }
        InetSocketAddress server = new InetSocketAddress(host, port);
        if (server.isUnresolved()) {
            throw new IllegalArgumentException(
                    "host must be a name or address that can be resolved, but was \"" + host + "\"");
        }
        return server;
    }

    private static FaultyProxy open(InetSocketAddress server) throws IOException {
        ServerSocketChannel listener = ServerSocketChannel.open();
        try {
            listener.bind(new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), BACKLOG);
            listener.configureBlocking(false);
            Selector selector = Selector.open();
            listener.register(selector, SelectionKey.OP_ACCEPT);
            FaultyProxy proxy = new FaultyProxy(server, listener, selector);
            proxy.thread.start();
            return proxy;
        } catch (IOException e) {
            listener.close();
            throw e;
        }
    }

    /** Returns the address to connect to: {@code 127.0.0.1}. */
    public String host() {
        return address.getAddress().getHostAddress();
    }

    /** Returns the port to connect to, from 1 to 65535. */
    public int port() {
        return address.getPort();
    }

    /** Returns the number of open connections of clients, whether or not the server has been reached; reset ones don't count. */
    public int connections() {
        return onProxyThread(() -> {
            acceptWaiting();
            return connections.size();
        });
    }

    /** Forwards everything without delay; bytes held back or delayed go first. */
    public void pass() {
        switchTo(ProxyState.PASS);
    }

    /**
     * Resets all connections (RST), on both sides, and every new one. Bytes held back or delayed are lost. A client can still
     * connect, and its connection is then reset.
     */
    public void cut() {
        onProxyThread(() -> {
            acceptWaiting();
            state = ProxyState.CUT;
            resetAll();
            return null;
        });
    }

    /** Resets all connections (RST), on both sides, without changing the state. Bytes held back or delayed are lost. */
    public void cutOnce() {
        onProxyThread(() -> {
            acceptWaiting();
            resetAll();
            return null;
        });
    }

    /**
     * Forwards nothing more on the existing connections, not even their end, and keeps them open on both sides until the next {@link
     * #cut()}, {@link #cutOnce()} or {@link #close()}: as a firewall does that has lost its state. The state doesn't change, and new
     * connections work as it says.
     */
    public void swallow() {
        onProxyThread(() -> {
            acceptWaiting();
            connections.forEach(ProxyConnection::swallow);
            return null;
        });
    }

    /**
     * Connects new connections to another server, which needn't run yet, as after a change of a DNS entry or a virtual address. Existing
     * connections stay where they are.
     *
     * @param host a name, which is resolved once, or an address
     * @param port from 1 to 65535
     * @throws IllegalArgumentException if the port is out of bounds, or the host can't be resolved
     */
    public void redirect(String host, int port) {
        InetSocketAddress next = resolved(host, port);
        onProxyThread(() -> {
            acceptWaiting();
            server = next;
            return null;
        });
    }

    /** Forwards nothing in either direction and keeps connections open. */
    public void freeze() {
        switchTo(ProxyState.FREEZE);
    }

    /** Forwards nothing from clients to the server; responses are forwarded. */
    public void freezeRequests() {
        switchTo(ProxyState.FREEZE_REQUESTS);
    }

    /** Forwards nothing from the server to clients; requests are forwarded, and the server executes them. */
    public void freezeResponses() {
        switchTo(ProxyState.FREEZE_RESPONSES);
    }

    /**
     * Forwards each byte, and each end of a connection, this long after its arrival, in each direction: a response is delayed by
     * twice the latency. Order is kept; the delayed bytes are in memory, without a limit. Opening a connection isn't delayed.
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

    /** Resets all connections, frees the port and ends the thread; returns when that is done. Idempotent. */
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
        onProxyThread(() -> {
            acceptWaiting();
            state = next;
            return null;
        });
    }

    private <T> T onProxyThread(Supplier<T> command) {
        return CompletableFuture.supplyAsync(command, this::enqueue).join();
    }

    private void enqueue(Runnable command) {
        synchronized (commands) {
            if (ended) {
                throw new IllegalStateException(
                        "the proxy on port " + address.getPort() + " is closed; open another one");
            }
            commands.add(command);
            // Under the lock: a selector that has been closed meanwhile can't be woken.
            selector.wakeup();
        }
    }

    private void run() {
        try {
            while (runCommands()) {
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
     * Runs all queued commands. It reads the queue again after each command, since a command may consume the selector's wake-up for
     * the next one.
     *
     * @return whether the proxy is still open
     */
    private boolean runCommands() {
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

    /** Accepts the connections that clients have opened already, under the present state. */
    private void acceptWaiting() {
        try {
            for (SocketChannel client = listener.accept(); client != null; client = listener.accept()) {
                accept(client);
            }
        } catch (IOException e) {
            // The client has closed its connection; the ones behind it are accepted in the next round.
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
            // The system keeps a closed channel open until its selector has processed the close.
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
            // The other side has closed it already.
        }
    }

    /** Returns the time until the next byte is due, rounded up so that none is forwarded too early; 0 waits without limit. */
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
            // Commands are left only after a failure of the thread; they fail now, so that no caller waits for ever.
            runCommands();
        }
    }
}
