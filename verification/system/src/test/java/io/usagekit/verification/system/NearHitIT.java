package io.usagekit.verification.system;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.lettuce.core.RedisClient;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedRedisServer;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import org.junit.jupiter.api.Test;

/** What a hit in the near cache leaves to the garbage collector. */
class NearHitIT {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final int HITS = 10_000;

    /** The key has 24 octets, and the answer 40, whether or not a compiler removes objects that don't leave a method. */
    @Test
    void makesKeyAndAnswerOnly() {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            RedisClient client = RedisClient.create(server.url());
            try (UsageService service = UsageService.builder((key, timeout) -> new OrganisationUsage(
                            key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00Z")))
                    .cache(RedisUsage.builder(client)
                            .heartbeat(Duration.ofMinutes(1)) // a stall makes no hit one in Redis
                            .commandTimeout(Duration.ofSeconds(30))
                            .connectTimeout(Duration.ofSeconds(30))
                            .buildNearCache())
                    .refreshAfter(Duration.ofHours(1))
                    .ttl(Duration.ofHours(2))
                    .build()) {
                hits(service);
                // The memory's own records take less than an octet a hit.
                assertThat(hits(service) / HITS).isLessThanOrEqualTo(64);
            } finally {
                client.shutdown();
            }
        }
    }

    /** Returns the octets that so many hits allocate. */
    private static long hits(UsageService service) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int hit = 0; hit < HITS; hit++) {
            service.get("org-123", MARCH);
        }
        return threads.getCurrentThreadAllocatedBytes() - before;
    }
}
