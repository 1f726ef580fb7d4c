package io.usagekit.testkit;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Fixture: a proxy in front of an echo server. */
abstract class FaultyProxyFixture {

    /** Far longer than any wait takes; only a failing test waits that long. */
    static final int LIMIT_MILLIS = 30_000;

    /** Time for which nothing may arrive. */
    static final int QUIET_MILLIS = 100;

    final Callers callers = new Callers();
    EchoServer server;
    FaultyProxy proxy;

    @BeforeEach
    void open() {
        server = EchoServer.start();
        proxy = FaultyProxy.to("127.0.0.1", server.port());
    }

    @AfterEach
    void close() {
        proxy.close();
        server.close();
        callers.close();
    }

    enum End {
        ORDERLY,
        RESET,
        QUIET
    }

    Socket connect() throws IOException {
        Socket socket = new Socket(proxy.host(), proxy.port());
        socket.setSoTimeout(LIMIT_MILLIS);
        return socket;
    }

    static void send(Socket client, String message) throws IOException {
        client.getOutputStream().write(message.getBytes(US_ASCII));
    }

    static String receive(Socket client, int length) throws IOException {
        return new String(client.getInputStream().readNBytes(length), US_ASCII);
    }

    static void exchange(Socket client, String message) throws IOException {
        send(client, message);
        assertThat(receive(client, message.length())).isEqualTo(message);
    }

    /** Returns what the server has received on its first connection. */
    String received() {
        return new String(awaitConversation().received(), US_ASCII);
    }

    EchoServer.Conversation awaitConversation() {
        await(() -> !server.conversations().isEmpty(), "a connection reaches the server");
        return server.conversations().get(0);
    }

    static void assertQuiet(Socket client) throws IOException {
        client.setSoTimeout(QUIET_MILLIS);
        assertThat(endOf(client)).as("what the client receives").isEqualTo(End.QUIET);
        client.setSoTimeout(LIMIT_MILLIS);
    }

    static void assertReset(Socket client) throws IOException {
        assertThat(endOf(client)).as("what the client receives").isEqualTo(End.RESET);
    }

    static End endOf(Socket client) throws IOException {
        try {
            int next = client.getInputStream().read();
            assertThat(next).as("the next byte").isEqualTo(-1);
            return End.ORDERLY;
        } catch (SocketTimeoutException e) {
            return End.QUIET;
        } catch (SocketException e) {
            return End.RESET;
        }
    }

    List<Thread> proxyThreads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("usagekit-proxy-" + proxy.port()))
                .toList();
    }

    static void await(BooleanSupplier condition, String description) {
        long start = System.nanoTime();
        while (!condition.getAsBoolean()) {
            assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start))
                    .as(description)
                    .isLessThan(LIMIT_MILLIS);
            Thread.onSpinWait();
        }
    }
}
