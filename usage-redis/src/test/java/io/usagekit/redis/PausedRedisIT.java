package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.servers.EmbeddedRedisServer;
import java.io.IOException;
import java.net.ConnectException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The paused server of the tests. */
class PausedRedisIT {

    private static final int QUIET_MILLIS = 200;
    private static final int PATIENCE_MILLIS = 30_000;

    @Test
    void answersAfterPauseOnly() throws IOException {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start();
                Socket client = connect(server)) {
            server.resume();
            ping(client);
            assertThat(answer(client)).isEqualTo("+PONG\r\n");

            server.pause();
            server.pause();
            ping(client);
            client.setSoTimeout(QUIET_MILLIS);
            assertThatExceptionOfType(SocketTimeoutException.class).isThrownBy(() -> answer(client));
            client.setSoTimeout(PATIENCE_MILLIS);

            server.resume();
            server.resume();
            assertThat(answer(client)).isEqualTo("+PONG\r\n");
        }
    }

    @Test
    void restartsAfterKillWhilePaused() throws IOException {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            server.pause();
            server.kill();
            assertThatExceptionOfType(ConnectException.class)
                    .isThrownBy(() -> connect(server).close());
            server.resume();
            server.restart();
            try (Socket client = connect(server)) {
                ping(client);
                assertThat(answer(client)).isEqualTo("+PONG\r\n");
            }
        }
    }

    @Test
    void closesWhilePaused() {
        EmbeddedRedisServer server = EmbeddedRedisServer.start();
        server.pause();
        server.close();
        assertThatExceptionOfType(ConnectException.class)
                .isThrownBy(() -> connect(server).close());
    }

    private static Socket connect(EmbeddedRedisServer server) throws IOException {
        URI url = URI.create(server.url());
        Socket socket = new Socket(url.getHost(), url.getPort());
        socket.setSoTimeout(PATIENCE_MILLIS);
        return socket;
    }

    private static void ping(Socket client) throws IOException {
        client.getOutputStream().write("PING\r\n".getBytes(StandardCharsets.US_ASCII));
    }

    private static String answer(Socket client) throws IOException {
        return new String(client.getInputStream().readNBytes(7), StandardCharsets.US_ASCII);
    }
}
