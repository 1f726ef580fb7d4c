package io.usagekit.redis;

import static io.usagekit.redis.Redis.took;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.net.URI;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;

/** Closing while Redis is reachable and silent. */
class RedisCloseIT {

    /** A command's timeout, and the limits of the connections, two of the near cache and two of the single-flight; and a loaded machine. */
    private static final Duration BOUND = Connector.CLOSE_LIMIT.multipliedBy(2).plusSeconds(4);

    @Test
    void closesCachesAndSingleFlightWithinTheirBound() {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            URI url = URI.create(server.url());
            try (FaultyProxy proxy = FaultyProxy.to(url.getHost(), url.getPort())) {
                RedisClient client = RedisClient.create("redis://" + proxy.host() + ":" + proxy.port());
                UsageCache plain = RedisUsage.builder(client).build();
                UsageCache near = RedisUsage.builder(client).buildNearCache();
                SingleFlight flight = RedisUsage.builder(client).buildSingleFlight();
                proxy.freeze();
                UsageKey key = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
                CompletionStage<?> first = plain.get(key);
                CompletionStage<?> second = near.get(key);
                assertThat(took(plain::close)).as("cache").isLessThan(BOUND);
                assertThat(took(near::close)).as("near cache").isLessThan(BOUND);
                assertThat(took(flight::close)).as("single-flight").isLessThan(BOUND);
                Redis.failure(first);
                Redis.failure(second);
                client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        }
    }
}
