package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisCommandExecutionException;
import io.usagekit.UsageCacheException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RedirectionTest {

    private static Redirection of(String reply) {
        return Redirection.of(new UsageCacheException("refused", new RedisCommandExecutionException(reply)))
                .orElseThrow();
    }

    @ParameterizedTest
    @CsvSource({
        "MOVED 1 10.0.0.2:6380, 10.0.0.2:6380",
        "ASK 1 ::1:6380, ::1:6380",
        "MOVED 1 :6380, 10.0.0.1:6380",
        "MOVED 1 ?:6380, 10.0.0.1:6380",
    })
    void leadsToTheNodeOfTheReply(String reply, String expected) {
        assertThat(of(reply).addressSeenFrom("10.0.0.1:6379")).contains(expected);
    }

    @Test
    void leadsNowhereWhereTheReplyNamesNoNode() {
        assertThat(of("MOVED 1").addressSeenFrom("10.0.0.1:6379")).isEmpty();
        assertThat(of("MOVED 1 unreadable").addressSeenFrom("10.0.0.1:6379")).isEmpty();
    }

    @Test
    void isntInOtherReplies() {
        assertThat(Redirection.of(new RedisCommandExecutionException("ERR no such command")))
                .isEmpty();
        assertThat(Redirection.of(new IllegalStateException("MOVED 1 10.0.0.2:6380")))
                .isEmpty();
    }
}
