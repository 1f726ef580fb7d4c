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
    void forwardsBothWays() throws IOException {
        try (Socket one = connect();
                Socket other = connect()) {
            send(one, "one");
            send(other, "other");
            assertThat(receive(other, 5)).isEqualTo("other");
            assertThat(receive(one, 3)).isEqualTo("one");
            assertThat(link.connections()).isEqualTo(2);
        }
        await(() -> link.connections() == 0, "the connections that have ended are gone");
    }

    @Test
    void aMegabyteAndThenTheEndOfOutputComesBackWhole() throws IOException {
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
        assertThat(server.talks().get(0).received()).isEqualTo(sent);
    }

    @Test
    void theOtherDirectionStaysOpenAfterAnEndOfOutput() throws IOException {
        link.freezeResponses();
        try (Socket client = connect()) {
            send(client, "request");
            client.shutdownOutput();
            awaitTalk().awaitEnd();
            assertThat(link.connections()).isEqualTo(1);
            link.pass();
            assertThat(client.getInputStream().readAllBytes()).isEqualTo("request".getBytes(US_ASCII));
        }
    }

    @Test
    void whatIsCutIsResetUntilThePassIsOpenAgain() throws IOException {
        try (Socket present = connect()) {
            exchange(present, "before");
            link.cut();
            assertReset(present);
            awaitTalk().awaitEnd();
            assertThat(link.connections()).isZero();
            try (Socket refused = connect()) {
                assertReset(refused);
            }
            assertThat(server.talks()).hasSize(1);
        }
        link.pass();
        try (Socket next = connect()) {
            exchange(next, "after");
        }
    }

    @Test
    void cutOnceResetsThePresentConnectionsOnly() throws IOException {
        try (Socket present = connect();
                Socket silent = connect()) {
            exchange(present, "before");
            link.cutOnce();
            assertReset(present);
            assertReset(silent);
            try (Socket next = connect()) {
                exchange(next, "after");
                assertThat(link.connections()).isEqualTo(1);
            }
        }
    }

    @Test
    void cutOnceKeepsTheState() throws IOException {
        link.freezeResponses();
        try (Socket present = connect()) {
            send(present, "x");
            link.cutOnce();
            assertReset(present);
        }
        try (Socket next = connect()) {
            send(next, "y");
            assertQuiet(next);
        }
    }

    @Test
    void aFrozenLinkDeliversAfterwardsWhatItHeldBack() throws IOException {
        try (Socket present = connect()) {
            exchange(present, "before");
            link.freeze();
            send(present, "held");
            try (Socket later = connect()) {
                send(later, "later");
                later.shutdownOutput();
                assertQuiet(present);
                assertQuiet(later);
                assertThat(link.connections()).isEqualTo(2);
                assertThat(server.talks())
                        .as("connections that the server sees")
                        .hasSize(1);
                assertThat(received()).isEqualTo("before");

                link.pass();
                assertThat(receive(present, 4)).isEqualTo("held");
                assertThat(later.getInputStream().readAllBytes()).isEqualTo("later".getBytes(US_ASCII));
            }
        }
    }

    @Test
    void whatIsUnderWayWhenTheLinkFreezesIsHeldBack() throws IOException {
        link.slow(Duration.ofMinutes(10));
        try (Socket client = connect()) {
            send(client, "delayed");
            await(() -> !server.talks().isEmpty(), "the connection reaches the server");
            link.freeze();
            assertQuiet(client);
            assertThat(received()).isEmpty();
            link.pass();
            assertThat(receive(client, 7)).isEqualTo("delayed");
        }
    }

    @Test
    void whatAClientSentThatHasGivenUpIsStillDelivered() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            link.freeze();
            send(client, "-late");
        }
        link.pass();
        awaitTalk().awaitEnd();
        assertThat(received()).isEqualTo("before-late");
        await(() -> link.connections() == 0, "the connection ends with its client");
    }

    @Test
    void frozenResponsesLetTheRequestThrough() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            link.freezeResponses();
            send(client, "-carried-out");
            await(() -> received().equals("before-carried-out"), "the request arrives");
            assertQuiet(client);
            link.cutOnce();
            assertReset(client);
            assertThat(received()).isEqualTo("before-carried-out");
        }
    }

    @Test
    void frozenRequestsDontArrive() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            link.freezeRequests();
            send(client, "-held");
            assertQuiet(client);
            assertThat(received()).isEqualTo("before");
            link.freezeResponses();
            await(() -> received().equals("before-held"), "the next state lets the request through");
            assertQuiet(client);
            link.pass();
            assertThat(receive(client, 5)).isEqualTo("-held");
        }
    }

    @Test
    void aResponseGoesThroughWhileRequestsAreFrozen() throws IOException {
        link.freezeResponses();
        try (Socket client = connect()) {
            send(client, "first");
            await(() -> received().equals("first"), "the request arrives");
            link.freezeRequests();
            assertThat(receive(client, 5)).isEqualTo("first");
        }
    }

    @Test
    void slowAddsTheLatencyToEachDirectionAndKeepsTheOrder() throws IOException {
        Duration latency = Duration.ofMillis(150);
        link.slow(latency);
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
                    .as("there and back")
                    .isGreaterThanOrEqualTo(latency.multipliedBy(2));
            client.shutdownOutput();
            String rest = new String(client.getInputStream().readAllBytes(), US_ASCII);
            assertThat(first + rest).isEqualTo(sent.toString());
            // Were each chunk delayed on its own after the one before it, 200 of them would take a minute.
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(latency.multipliedBy(40));
        }
    }

    @Test
    void slowDoesntLimitWhatIsUnderWay() throws IOException {
        byte[] sent = new byte[8 * 1_048_576];
        new Random(2).nextBytes(sent);
        link.slow(Duration.ofMinutes(10));
        try (Socket client = connect()) {
            client.getOutputStream().write(sent); // more than the sockets' buffers hold
            client.shutdownOutput();
            link.pass();
            assertThat(client.getInputStream().readAllBytes()).isEqualTo(sent);
        }
    }

    @Test
    void aLatencyOutOfBoundsIsRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> link.slow(Duration.ofNanos(-1)))
                .withMessage("latency must be from 0 to PT1H, but was PT-0.000000001S");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> link.slow(Duration.ofHours(1).plusNanos(1)))
                .withMessage("latency must be from 0 to PT1H, but was PT1H0.000000001S");
        link.slow(Duration.ZERO);
    }

    @Test
    void aServerOutOfBoundsIsRejected() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaultyProxy.to("127.0.0.1", 0).close())
                .withMessage("port must be from 1 to 65535, but was 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaultyProxy.to("127.0.0.1", 65_536).close())
                .withMessage("port must be from 1 to 65535, but was 65536");
    }

    @Test
    void aServerThatIsntThereResetsTheClientUntilItIsBack() throws IOException {
        int port = server.port();
        server.close();
        try (Socket client = connect()) {
            assertReset(client);
        }
        await(() -> link.connections() == 0, "the connection is gone");
        server = EchoServer.startOn(port);
        try (Socket client = connect()) {
            exchange(client, "back");
        }
    }

    @Test
    void aFrozenLinkDoesntTellThatTheServerIsntThere() throws IOException {
        server.close();
        link.freeze();
        try (Socket client = connect()) {
            assertQuiet(client);
            link.pass();
            assertReset(client);
        }
    }

    @Test
    void theEndOfTheServersConnectionIsPassedOn() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            server.close();
            assertThat(endOf(client)).as("what comes to the client").isEqualTo(End.ORDERLY);
        }
    }

    @Test
    void aResetOfTheServersConnectionIsPassedOn() throws IOException {
        try (Socket client = connect()) {
            exchange(client, "before");
            awaitTalk().reset();
            assertReset(client);
        }
    }

    @Test
    void closeLeavesNoThreadAndNoOpenSocket() throws IOException {
        try (Socket present = connect();
                Socket frozen = connect()) {
            exchange(present, "before");
            exchange(frozen, "before");
            link.freeze();
            send(frozen, "held");
            assertThat(linkThreads()).hasSize(1).allMatch(Thread::isDaemon);
            link.close();
            link.close();
            assertThat(linkThreads()).isEmpty();
            assertReset(present);
            assertReset(frozen);
            server.talks().forEach(EchoServer.Talk::awaitEnd);
            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> connect().close());
        }
        assertThatIllegalStateException().isThrownBy(link::pass).withMessage("the link is closed");
    }

    @Test
    void closeWaitsForTheThreadAndKeepsTheInterrupt() {
        Thread.currentThread().interrupt();
        link.close();
        assertThat(Thread.interrupted()).isTrue();
        assertThat(linkThreads()).isEmpty();
    }

    @Test
    void closeAndSwitchesAtTheSameTimeAllReturn() {
        for (int round = 0; round < 50; round++) {
            FaultyProxy closing = FaultyProxy.to("127.0.0.1", server.port());
            List<Future<Object>> switches = callers.callManyTimes(4, () -> {
                try {
                    for (int i = 0; i < 20; i++) {
                        closing.cutOnce();
                    }
                } catch (IllegalStateException e) {
                    assertThat(e).hasMessage("the link is closed");
                }
                return "returned";
            });
            closing.close();
            switches.forEach(Callers::done);
        }
    }
}
