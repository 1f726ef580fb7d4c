package io.usagekit.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lettuce.core.RedisClient;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Knobs out of bounds. A listener at the client's address shows that no connection is attempted. */
class RedisUsageTest {

    private ServerSocketChannel listener;
    private RedisClient client;

    @BeforeEach
    void listen() throws IOException {
        listener = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        listener.configureBlocking(false);
        client = RedisClient.create("redis://127.0.0.1:" + listener.socket().getLocalPort());
    }

    @AfterEach
    void assertNotConnected() throws IOException {
        try {
            assertThat(listener.accept()).as("attempted connection").isNull();
        } finally {
            listener.close();
            client.shutdown();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "PT1M0.000000001S", "PT2562047788015215H"})
    void rejectsTimeoutsOutOfBounds(Duration timeout) {
        assertRejected(RedisUsage.builder(client).commandTimeout(timeout), "commandTimeout", timeout.toString());
        assertRejected(RedisUsage.builder(client).connectTimeout(timeout), "connectTimeout", timeout.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"PT0S", "PT-1S", "PT0.000999999S", "PT1M0.000000001S", "PT2562047788015215H"})
    void rejectsTimesOfNearCacheOutOfBounds(Duration time) {
        assertNearRejected(RedisUsage.builder(client).heartbeat(time), "heartbeat", time);
        assertNearRejected(RedisUsage.builder(client).commandTimeout(time), "commandTimeout", time);
        assertNearRejected(RedisUsage.builder(client).connectTimeout(time), "connectTimeout", time);
    }

    private static void assertNearRejected(RedisUsage.Builder builder, String knob, Duration value) {
        assertThatThrownBy(builder::buildNearCache)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s must be between PT0.001S and PT1M, but was %s", knob, value);
    }

    @ParameterizedTest
    @ValueSource(longs = {Long.MIN_VALUE, -1, 0, 10_000_001, Long.MAX_VALUE})
    void rejectsNearMaximumSizeOutOfBounds(long size) {
        assertThatThrownBy(RedisUsage.builder(client).nearMaximumSize(size)::buildNearCache)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("nearMaximumSize must be between 1 and 10000000, but was %d", size);
    }

    private static void assertRejected(RedisUsage.Builder builder, String knob, String value) {
        assertThatThrownBy(builder::build)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("%s must be between PT0.001S and PT1M, but was %s", knob, value);
    }

    @Test
    void rejectsKeyPrefixOutOfBounds() {
        for (String prefix : List.of("", " ", "us age", "usage\n", "{usage}", "usage*", "usagé", "x".repeat(65))) {
            assertThatThrownBy(RedisUsage.builder(client).keyPrefix(prefix)::build)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("keyPrefix must be 1 to 64 of A-Z a-z 0-9 . _ : -, but was \"%s\"", prefix);
        }
    }

    @Test
    @SuppressWarnings("NullAway") // a host without NullAway may pass null
    void rejectsNull() {
        assertThatThrownBy(() -> RedisUsage.cache(null)).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> RedisUsage.nearCache(null)).isInstanceOf(NullPointerException.class);
        RedisUsage.Builder builder = RedisUsage.builder(client);
        assertThatThrownBy(() -> builder.keyPrefix(null)).hasMessage("keyPrefix");
        assertThatThrownBy(() -> builder.commandTimeout(null)).hasMessage("commandTimeout");
        assertThatThrownBy(() -> builder.connectTimeout(null)).hasMessage("connectTimeout");
        assertThatThrownBy(() -> builder.heartbeat(null)).hasMessage("heartbeat");
    }
}
