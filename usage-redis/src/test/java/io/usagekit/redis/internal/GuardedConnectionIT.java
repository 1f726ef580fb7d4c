package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.lettuce.core.RedisClient;
import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import io.usagekit.servers.EmbeddedRedisServer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Commands that have less than the command timeout, since it was spent on connecting and redirections. */
class GuardedConnectionIT {

    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final AtomicInteger sent = new AtomicInteger();

    @Test
    void failsACommandInWhatIsLeftOfItsTimeAndTakesThatForNoOutage() {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            RedisClient client = RedisClient.create(server.url());
            GuardedConnection connection =
                    new GuardedConnection(Server.of(client), PATIENCE, ConnectionAttempt.Limits.of(client, PATIENCE));
            connection.open(PATIENCE);
            server.pause();

            assertFails(get(connection, Duration.ofMillis(1)), "didn't answer within PT0.001S, what connecting");
            assertThat(sent).hasValue(1);
            assertThat(connection.isAvailable()).isTrue();
            assertFails(get(connection, Duration.ZERO), "had passed before the command could be sent");
            assertThat(sent).as("commands sent").hasValue(1);

            server.resume();
            assertThat(get(connection, PATIENCE).toCompletableFuture().join()).isEmpty();
            connection.close();
            client.shutdown();
        }
    }

    private CompletionStage<String> get(GuardedConnection connection, Duration limit) {
        return connection.dispatch(
                Purpose.READ,
                answer -> true,
                redis -> {
                    sent.incrementAndGet();
                    CompletableFuture<String> value =
                            redis.connection().async().get("key").toCompletableFuture();
                    return value.thenApply(text -> text == null ? "" : text);
                },
                limit);
    }

    private static void assertFails(CompletionStage<?> call, String message) {
        assertThatThrownBy(() -> call.toCompletableFuture().get(30, TimeUnit.SECONDS))
                .hasCauseInstanceOf(UsageCacheException.class)
                .hasMessageContaining(message);
    }
}
