package io.usagekit.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** Random switches of a proxy while many clients send and receive through it. */
class FaultyProxyRandomTest extends FaultyProxyFixture {

    /**
     * In any sequence of states the bytes received are a prefix of the bytes sent, in both directions; and an end of output, unlike
     * a reset, arrives only after all of them.
     */
    @Test
    void deliversPrefixOfSentBytesInAnyState() throws InterruptedException {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("FaultyProxyRandomTest deliversPrefixOfSentBytesInAnyState: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        int clients = 16;
        AtomicBoolean stopped = new AtomicBoolean();
        BlockingQueue<End> ends = new LinkedBlockingQueue<>();
        List<Future<Object>> running = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            byte[] sent = message(i, random);
            running.add(callers.call(() -> {
                while (!stopped.get()) {
                    ends.add(converse(sent));
                }
                return "done";
            }));
        }
        for (int i = 0; i < 400; i++) {
            switchAtRandom(random);
            // Lets some connections end before the next switch, and others not.
            for (int passed = random.nextInt(20); passed > 0; passed--) {
                ends.poll(2, TimeUnit.MILLISECONDS);
            }
        }
        stopped.set(true);
        proxy.pass();
        running.forEach(Callers::done);
        for (int i = 0; i < clients; i++) {
            assertThat(converse(message(i, random))).as("seed %s", seed).isEqualTo(End.ORDERLY);
        }

        await(() -> proxy.connections() == 0, "all connections are closed, seed " + seed);
        for (EchoServer.Conversation talk : server.conversations()) {
            talk.awaitEnd();
            byte[] received = talk.received();
            if (received.length > 0) {
                assertPrefix(received, message(received[0]), "received by the server, seed " + seed);
            }
        }
    }

    private void switchAtRandom(Random random) {
        switch (random.nextInt(10)) {
            case 0 -> proxy.cut();
            case 1 -> proxy.cutOnce();
            case 2 -> proxy.freeze();
            case 3 -> proxy.freezeRequests();
            case 4 -> proxy.freezeResponses();
            case 5, 6 -> proxy.slow(Duration.ofNanos(random.nextInt(4_000_000)));
            default -> proxy.pass();
        }
    }

    /** Sends the bytes and checks the answer. They fit into the sockets' buffers, so that one thread suffices. */
    private End converse(byte[] sent) {
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        End end = End.RESET;
        try (Socket client = connect()) {
            client.getOutputStream().write(sent);
            client.shutdownOutput();
            byte[] chunk = new byte[4_096];
            for (int count = client.getInputStream().read(chunk);
                    count >= 0;
                    count = client.getInputStream().read(chunk)) {
                received.write(chunk, 0, count);
            }
            end = End.ORDERLY;
        } catch (SocketTimeoutException e) {
            throw new AssertionError("nothing received within the limit", e);
        } catch (IOException e) {
            // Reset.
        }
        assertPrefix(received.toByteArray(), sent, "received by the client");
        if (end == End.ORDERLY) {
            assertThat(received.size()).as("bytes before an orderly end").isEqualTo(sent.length);
        }
        return end;
    }

    private static void assertPrefix(byte[] received, byte[] sent, String description) {
        assertThat(received.length).as(description).isLessThanOrEqualTo(sent.length);
        assertThat(Arrays.mismatch(received, Arrays.copyOf(sent, received.length)))
                .as(description + ": the first byte that differs")
                .isEqualTo(-1);
    }

    /** What this client sends, of a random length. */
    private static byte[] message(int client, Random random) {
        return Arrays.copyOf(message(client), 1 + random.nextInt(20_000));
    }

    /** It begins with the client's number. */
    private static byte[] message(int client) {
        byte[] message = new byte[20_000];
        new Random(client).nextBytes(message);
        message[0] = (byte) client;
        return message;
    }
}
