package io.usagekit.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class FreePortsTest {

    @Test
    void startsOnAnotherPortWhereOneWasTaken() throws IOException {
        AtomicInteger attempts = new AtomicInteger();
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                EmbeddedRedisServer started = FreePorts.start(() -> attempts.incrementAndGet() == 1
                        ? EmbeddedRedisServer.startOn(taken.getLocalPort())
                        : EmbeddedRedisServer.start())) {
            assertThat(started.url()).doesNotContain(":" + taken.getLocalPort());
            assertThat(attempts).hasValue(2);
        }
    }

    @Test
    void failsAtOnceForAnotherReason() {
        AtomicInteger attempts = new AtomicInteger();
        assertThatThrownBy(() -> FreePorts.start(() -> {
                    attempts.incrementAndGet();
                    return EmbeddedRedisServer.start("no-such-setting yes");
                }))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(attempts).hasValue(1);
    }

    @Test
    void aPoolerWhosePortIsTakenSaysSo() throws IOException {
        // pgbouncer isn't on Maven Central, so that a machine with a JDK and Maven alone has none: it skips this, and
        // says so.
        // .ci/run installs it, so that no change is merged without.
        assumeTrue(PgBouncer.isAvailable(), () -> PgBouncer.announceSkipped(FreePortsTest.class));
        AtomicInteger attempts = new AtomicInteger();
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                PgBouncer started = FreePorts.start(() -> PgBouncer.startOn(
                        attempts.incrementAndGet() == 1 ? taken.getLocalPort() : FreePorts.choose(1)[0],
                        "jdbc:postgresql://127.0.0.1:1/postgres",
                        1))) {
            assertThat(started.jdbcUrl("postgres")).doesNotContain(":" + taken.getLocalPort());
            assertThat(attempts).hasValue(2);
        }
    }
}
