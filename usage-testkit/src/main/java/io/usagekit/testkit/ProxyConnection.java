package io.usagekit.testkit;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/** Connection of a client, paired with the connection to the server. Confined to the proxy's thread. */
final class ProxyConnection {

    private final InetSocketAddress server;
    private final SocketChannel client;
    private final SocketChannel upstream;
    private final SelectionKey clientKey;
    private final SelectionKey upstreamKey;
    private final ProxyFlow requests;
    private final ProxyFlow responses;
    private boolean connecting;
    private boolean swallowed;

    private ProxyConnection(InetSocketAddress server, SelectionKey clientKey, SelectionKey upstreamKey) {
        this.server = server;
        this.clientKey = clientKey;
        this.upstreamKey = upstreamKey;
        this.client = (SocketChannel) clientKey.channel();
        this.upstream = (SocketChannel) upstreamKey.channel();
        this.requests = new ProxyFlow(client, upstream, ProxyState::forwardsRequests);
        this.responses = new ProxyFlow(upstream, client, ProxyState::forwardsResponses);
        clientKey.attach(this);
        upstreamKey.attach(this);
    }

    /** Returns the connection of an accepted client; it connects to the server when the proxy's state allows. */
    static ProxyConnection open(SocketChannel client, InetSocketAddress server, Selector selector) throws IOException {
        SocketChannel upstream = SocketChannel.open();
        try {
            return new ProxyConnection(server, register(client, selector), register(upstream, selector));
        } catch (IOException e) {
            upstream.close();
            throw e;
        }
    }

    private static SelectionKey register(SocketChannel channel, Selector selector) throws IOException {
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        return channel.register(selector, 0);
    }

    /** Reads from, or finishes connecting, the channel that is ready. */
    void ready(SelectionKey key, ByteBuffer chunk) {
        if (!key.isValid()) {
            return;
        }
        if (key.isConnectable()) {
            finishConnecting();
        } else if (key.isReadable()) {
            (key == clientKey ? requests : responses).read(chunk);
        }
    }

    /**
     * Forwards the bytes that this state allows at this time, and registers the next interest.
     *
     * @return whether the connection is still open
     */
    boolean advance(ProxyState proxys, long now) {
        ProxyState state = own(proxys);
        if (!connecting && state.forwardsRequests()) {
            connect();
        }
        requests.write(state, now);
        responses.write(state, now);
        if (isOver()) {
            end();
            return false;
        }
        await(clientKey, requests.readInterest(state, now) | responses.writeInterest(state, now));
        await(upstreamKey, upstreamInterest(state, now));
        return true;
    }

    /** Returns the time until the next delayed byte is due; {@link Long#MAX_VALUE} if there is none. */
    long nanosToWait(ProxyState proxys, long now) {
        ProxyState state = own(proxys);
        return Math.min(requests.nanosToWait(state, now), responses.nanosToWait(state, now));
    }

    /** Forwards nothing more, whatever the proxy's state. */
    void swallow() {
        swallowed = true;
    }

    private ProxyState own(ProxyState proxys) {
        return swallowed ? ProxyState.FREEZE : proxys;
    }

    void reset() {
        FaultyProxy.reset(client);
        FaultyProxy.reset(upstream);
    }

    private void connect() {
        connecting = true;
        try {
            upstream.connect(server);
        } catch (IOException e) {
            responses.abort();
        }
    }

    private void finishConnecting() {
        try {
            upstream.finishConnect();
        } catch (IOException e) {
            responses.abort();
        }
    }

    private int upstreamInterest(ProxyState state, long now) {
        if (upstream.isConnectionPending()) {
            return SelectionKey.OP_CONNECT;
        }
        return upstream.isConnected() ? responses.readInterest(state, now) | requests.writeInterest(state, now) : 0;
    }

    private static void await(SelectionKey key, int interest) {
        if (key.isValid() && key.interestOps() != interest) {
            key.interestOps(interest);
        }
    }

    private boolean isOver() {
        return requests.isAborted() || responses.isAborted() || (requests.isOver() && responses.isOver());
    }

    private void end() {
        if (!requests.hasEnded() || !responses.hasEnded()) {
            reset();
            return;
        }
        try {
            client.close();
            upstream.close();
        } catch (IOException e) {
            reset();
        }
    }
}
