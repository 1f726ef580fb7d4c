package io.usagekit.testkit;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class FaultyProxyTest extends FaultyProxyFixture {

    @Test
    void forwardsInBothDirections() throws IOException {
        try (Socket one = connect();
                Socket other = connect()) {
            send(one, "one");
            send(other, "other");
            assertThat(receive(other, 5)).isEqualTo("other");
            assertThat(receive(one, 3)).isEqualTo("one");
            assertThat(proxy.connections()).isEqualTo(2);
        }
        await(() -> proxy.connections() == 0, "ended connections are removed");
    }

    @Test
    void forwardsMegabyteAndEndOfOutput() throws IOException {
        byte[] sent = new byte[1_048_576];
        new Random(1).nextBytes(sent);
        try (Socket client = connect()) {
            Future<Object> sender = callers.call(() -> {
                client.getOutputStream().write(sent);
                client.shutdownOutput();
                return "sent";
            });
            assertThat(client.getInputStream().readAllBytes()).isEqualTo(sent);
            Callers.done(sender);
        }
        assertThat(server.conversations().get(0).received()).isEqualTo(sent);
    }

    @Test
    void keepsOtherDirectionOpenAfterEndOfOutput() throws IOException {
        proxy.freezeResponses();
        try (Socket client = connect()) {
            send(client, "request");
            client.shutdownOutput();
            awaitConversation().awaitEnd();
            assertThat(proxy.connections()).isEqualTo(1);
            proxy.pass();
            assertThat(client.getInputStream().readAllBytes()).isEqualTo("request".getBytes(US_ASCII));
        }
    }

    @Test
    void resetsAllConnectionsWhileCut() throws IOException {
        try (Socket present = connect()) {
            exchange(present, "before");
            proxy.cut();
            assertReset(present);
            awaitConversation().awaitEnd();
            assertThat(proxy.connections()).isZero();
            try (Socket refused = connect()) {
                assertReset(refused);
            }
            assertThat(server.conversations()).hasSize(1);
        }
        proxy.pass();
        try (Socket next = connect()) {
            exchange(next, "after");
        }
    }

    @Test
    void resetsExistingConnectionsOnlyWhenCutOnce() throws IOException {
        try (Socket present = connect();
                Socket silent = connect()) {
            exchange(present, "before");
            proxy.cutOnce();
            assertReset(present);
            assertReset(silent);
            try (Socket next = connect()) {
                exchange(next, "after");
                assertThat(proxy.connections()).isEqualTo(1);
            }
        }
    }

    @Test
    void keepsStateWhenCutOnce() throws IOException {
        proxy.freezeResponses();
        try (Socket present = connect()) {
            send(present, "x");
            proxy.cutOnce();
            assertReset(present);
        }
        try (Socket next = connect()) {
            send(next, "y");
            assertQuiet(next);
        }
    }

    @Test
    void forwardsNothingMoreOnSwallowedConnections() throws IOException {
        try (Socket present = connect()) {
            exchange(present, "before");
            proxy.swallow();
            send(present, "lost");
            assertQuiet(present);
            try (Socket next = connect()) {
                exchange(next, "after");
                proxy.pass();
                assertQuiet(present);
                proxy.cutOnce();
                assertReset(present);
                assertReset(next);
            }
            assertThat(received()).isEqualTo("before");
        }
    }

    @Test
    void hidesTheEndOfASwallowedConnection() throws Exception {
        try (Socket present = connect()) {
            exchange(present, "before");
            proxy.swallow();
        }
        try (Socket next = connect()) {
            exchange(next, "after");
        }
        await(() -> proxy.connections() == 1, "the other connection has ended");
        proxy.cutOnce();
        awaitConversation().awaitEnd();
    }

    @Test
    void connectsNewConnectionsToAnotherServerOnceRedirected() throws IOException {
        try (EchoServer other = EchoServer.start();
                Socket present = connect()) {
            exchange(present, "before");
            proxy.redirect("127.0.0.1", other.port());
            try (Socket next = connect()) {
                exchange(next, "other");
            }
            exchange(present, "-same");
            assertThat(received()).isEqualTo("before-same");
            assertThat(other.conversations()).hasSize(1);
        }
    }

    @Test
    void deliversHeldBytesAfterFreeze() throws IOException {
        try (Socket present = connect()) {
            exchange(present, "before");
            proxy.freeze();
            send(present, "held");
            try (Socket later = connect()) {
                send(later, "later");
                later.shutdownOutput();
                assertQuiet(present);
                assertQuiet(later);
                assertThat(proxy.connections()).isEqualTo(2);
                assertThat(server.conversations())
                        .as("connections that the server sees")
                        .hasSize(1);
                assertThat(received()).isEqualTo("before");

                proxy.pass();
                assertThat(receive(present, 4)).isEqualTo("held");
                assertThat(later.getInputStream().readAllBytes()).isEqualTo("later".getBytes(US_ASCII));
            }
        }
    }

    @Test
    void holdsDelayedBytesWhenFrozen() throws IOException {
        proxy.slow(Duration.ofMinutes(10));
        try (Socket client = connect()) {
            send(client, "delayed");
            await(() -> !server.conversations().isEmpty(), "the connection reaches the server");
            proxy.freeze();
            assertQuiet(client);
            assertThat(received()).isEmpty();
            proxy.pass();
            assertThat(receive(client, 7)).isEqualTo("delayed");
        }
    }

    @Test
    void deliversHeldBytesOfClosedClient() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            proxy.freeze();
            send(client, "-late");
        }
        proxy.pass();
        awaitConversation().awaitEnd();
        assertThat(received()).isEqualTo("before-late");
        await(() -> proxy.connections() == 0, "the connection ends with its client");
    }

    @Test
    void forwardsRequestsWhileResponsesAreFrozen() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            proxy.freezeResponses();
            send(client, "-executed");
            await(() -> received().equals("before-executed"), "the request arrives");
            assertQuiet(client);
            proxy.cutOnce();
            assertReset(client);
            assertThat(received()).isEqualTo("before-executed");
        }
    }

    @Test
    void holdsRequestsWhileFrozen() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            proxy.freezeRequests();
            send(client, "-held");
            assertQuiet(client);
            assertThat(received()).isEqualTo("before");
            proxy.freezeResponses();
            await(() -> received().equals("before-held"), "the next state forwards the request");
            assertQuiet(client);
            proxy.pass();
            assertThat(receive(client, 5)).isEqualTo("-held");
        }
    }

    @Test
    void forwardsResponsesWhileRequestsAreFrozen() throws IOException {
        proxy.freezeResponses();
        try (Socket client = connect()) {
            send(client, "first");
            await(() -> received().equals("first"), "the request arrives");
            proxy.freezeRequests();
            assertThat(receive(client, 5)).isEqualTo("first");
        }
    }

    @Test
    void delaysEachDirectionByLatencyInOrder() throws IOException {
        Duration latency = Duration.ofMillis(150);
        proxy.slow(latency);
        StringBuilder sent = new StringBuilder();
        try (Socket client = connect()) {
            client.setTcpNoDelay(true);
            long start = System.nanoTime();
            for (int i = 0; i < 200; i++) {
                send(client, "message " + i + "\n");
                sent.append("message ").append(i).append('\n');
            }
            String first = receive(client, 1);
            assertThat(Duration.ofNanos(System.nanoTime() - start))
                    .as("round trip")
                    .isGreaterThanOrEqualTo(latency.multipliedBy(2));
            client.shutdownOutput();
            String rest = new String(client.getInputStream().readAllBytes(), US_ASCII);
            assertThat(first + rest).isEqualTo(sent.toString());
            // If each chunk were delayed after the one before it, 200 chunks would take a minute.
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(latency.multipliedBy(160));
        }
    }

    @Test
    void buffersDelayedBytesWithoutLimit() throws IOException {
        byte[] sent = new byte[8 * 1_048_576];
        new Random(2).nextBytes(sent);
        proxy.slow(Duration.ofMinutes(10));
        try (Socket client = connect()) {
            client.getOutputStream().write(sent); // more than the sockets' buffers hold
            client.shutdownOutput();
            proxy.pass();
            assertThat(client.getInputStream().readAllBytes()).isEqualTo(sent);
        }
    }

    @Test
    void rejectsLatencyOutOfBounds() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.slow(Duration.ofNanos(-1)))
                .withMessage("latency must be from 0 to PT1H, but was PT-0.000000001S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.slow(Duration.ofHours(1).plusNanos(1)))
                .withMessage("latency must be from 0 to PT1H, but was PT1H0.000000001S");
        proxy.slow(Duration.ZERO);
    }

    @Test
    void rejectsPortOutOfBounds() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaultyProxy.to("127.0.0.1", 0).close())
                .withMessage("port must be from 1 to 65535, but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaultyProxy.to("127.0.0.1", 65_536).close())
                .withMessage("port must be from 1 to 65535, but was 65536");
    }

    @Test
    void resetsClientsWhileServerIsDown() throws IOException {
        int port = server.port();
        server.close();
        try (Socket client = connect()) {
            assertReset(client);
        }
        await(() -> proxy.connections() == 0, "the connection is removed");
        server = EchoServer.startOn(port);
        try (Socket client = connect()) {
            exchange(client, "back");
        }
    }

    @Test
    void hidesMissingServerWhileFrozen() throws IOException {
        server.close();
        proxy.freeze();
        try (Socket client = connect()) {
            assertQuiet(client);
            proxy.pass();
            assertReset(client);
        }
    }

    @Test
    void forwardsEndOfServersOutput() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            server.close();
            assertThat(endOf(client)).as("what comes to the client").isEqualTo(End.ORDERLY);
        }
    }

    @Test
    void forwardsResetByServer() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            awaitConversation().reset();
            assertReset(client);
        }
    }

    @Test
    void closesThreadAndSockets() throws IOException {
        try (Socket present = connect();
                Socket frozen = connect()) {
            exchange(present, "before");
            exchange(frozen, "before");
            proxy.freeze();
            send(frozen, "held");
            assertThat(proxyThreads()).hasSize(1).allMatch(Thread::isDaemon);
            proxy.close();
            proxy.close();
            assertThat(proxyThreads()).isEmpty();
            assertReset(present);
            assertReset(frozen);
            server.conversations().forEach(EchoServer.Conversation::awaitEnd);
            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> connect().close());
        }
        assertThatIllegalStateException()
                .isThrownBy(proxy::pass)
                .withMessage("the proxy on port " + proxy.port() + " is closed; open another one");
    }

    @Test
    void closesAndStaysInterruptedWhenInterrupted() {
        Thread.currentThread().interrupt();
        proxy.close();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(proxyThreads()).isEmpty();
    }

    @Test
    void returnsFromSwitchesDuringClose() {
        for (int round = 0; round < 50; round++) {
            FaultyProxy closing = FaultyProxy.to("127.0.0.1", server.port());
            List<Future<Object>> switches = callers.callManyTimes(4, () -> {
                try {
                    for (int i = 0; i < 20; i++) {
                        closing.cutOnce();
                    }
                } catch (IllegalStateException e) {
                    assertThat(e).hasMessage("the proxy on port " + closing.port() + " is closed; open another one");
                }
                return "returned";
            });
            closing.close();
            switches.forEach(Callers::done);
        }
    }
}
